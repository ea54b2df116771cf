"""Commands, configuration, executors and run folders: the only place that knows YAML, argv, the environment and Ray."""
