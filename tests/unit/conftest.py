import os

pytest_plugins = ["pytester"]

# No test asks anybody but loopback; what a test starts finds all other ways closed.
for name in ("HTTPS_PROXY", "HTTP_PROXY"):
    os.environ[name] = os.environ[name.lower()] = "http://127.0.0.1:9"
os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost,::1"
