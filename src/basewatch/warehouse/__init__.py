"""From the lake to a release: the models, the build, the releases and their dictionary."""
