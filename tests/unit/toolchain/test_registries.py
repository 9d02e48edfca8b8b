from pathlib import Path

import pytest

from seatrial.toolchain.registries import DEBIAN, GO_PROXY, PYTHON_INDEX, registry_settings


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Path]:
    etc, home = tmp_path / "etc", tmp_path / "home"
    (etc / "apt/sources.list.d").mkdir(parents=True)
    (home / ".config/go").mkdir(parents=True)
    (home / ".config/pip").mkdir(parents=True)
    return etc, home


def test_a_machine_that_says_nothing_uses_what_everybody_uses(machine: tuple[Path, Path]) -> None:
    etc, home = machine
    settings = registry_settings({}, etc=etc, home=home)
    assert (settings.go_proxy, settings.python_index, settings.debian) == (GO_PROXY, PYTHON_INDEX, DEBIAN)
    assert settings.go_env == {} and settings.npmrc == "" and settings.apt_sources == () and settings.ca_bundle is None
    assert settings.pip_conf == "[global]\n"
    assert settings.apt_lines("trixie")[0] == f"deb {DEBIAN} trixie main"


def test_files_are_read_and_the_environment_wins(machine: tuple[Path, Path]) -> None:
    etc, home = machine
    (home / ".config/go/env").write_text("GOPROXY=https://file.example/go,direct\nGOFLAGS=-x\n")
    (etc / "pip.conf").write_text("[global]\nindex-url = https://system.example/simple\ncert = /nowhere\n")
    (home / ".config/pip/pip.conf").write_text("[global]\nextra-index-url =\n  https://one.example\n  https://two.example\n")
    (home / ".npmrc").write_text("registry=https://npm.example/\nfund=false\n//npm.example/:_authToken=abc\n")
    settings = registry_settings({"GOSUMDB": "off", "PIP_INDEX_URL": "https://env.example/simple"}, etc=etc, home=home)
    assert settings.go_env == {"GOPROXY": "https://file.example/go,direct", "GOSUMDB": "off"}
    assert settings.go_proxy == "https://file.example/go"
    assert settings.python_index == "https://env.example/simple"
    assert "https://one.example\n    https://two.example" in settings.pip_conf and "cert" not in settings.pip_conf
    assert settings.npmrc == "registry=https://npm.example/\n//npm.example/:_authToken=abc\n"


def test_debian_sources_are_read_in_both_notations_and_others_left_out(machine: tuple[Path, Path]) -> None:
    etc, home = machine
    (etc / "apt/sources.list").write_text("# a comment\ndeb [signed-by=/k.gpg] http://mirror.example/debian bookworm main\n")
    (etc / "apt/sources.list.d/cloud.list").write_text("deb https://packages.example/apt cloud main\n")
    (etc / "apt/sources.list.d/debian.sources").write_text(
        "Types: deb\n# URIs: http://old.example/debian\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents: main\n\n"
        "Types: deb\nEnabled: no\nURIs: http://off.example/debian\nSuites: sid\nComponents: main\n"
    )
    settings = registry_settings({}, etc=etc, home=home)
    assert settings.apt_sources == (
        "deb http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian-security bookworm-security main",
    )
    assert settings.apt_lines("trixie") == (
        "deb http://mirror.example/debian trixie main",
        "deb http://mirror.example/debian trixie-updates main",
        "deb http://mirror.example/debian-security trixie-security main",
    )


def test_the_first_certificate_file_that_exists_is_taken(machine: tuple[Path, Path]) -> None:
    etc, home = machine
    bundle = etc / "ca.pem"
    bundle.write_text("x")
    (home / ".npmrc").write_text(f"cafile={bundle}\n")
    assert registry_settings({"SSL_CERT_FILE": "/nowhere.pem"}, etc=etc, home=home).ca_bundle == bundle


def test_values_are_hidden(machine: tuple[Path, Path]) -> None:
    etc, home = machine
    settings = registry_settings({"GOPROXY": "https://me:secret@proxy.example/go"}, etc=etc, home=home)
    assert "example" not in repr(settings) and "secret" not in str(settings)
    said = settings.hide("Get https://me:secret@proxy.example/go/x: refused; https://u:p@other.example/ too")
    assert "secret" not in said and "proxy.example" not in said and "u:p" not in said
    assert settings.hide("proxy.golang.org did not answer") == "proxy.golang.org did not answer"
