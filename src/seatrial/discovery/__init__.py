"""What a repository holds: charts, Dockerfiles, compose files and manifests, found without any configuration."""
