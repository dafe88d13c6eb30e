"""Configuration: what can be set (`models`), how it is read (`load`), how mistakes are told (`problems`)."""

from tailrace.config.load import Loaded, load
from tailrace.config.models import Config
from tailrace.config.problems import ConfigError, Problem

__all__ = ["Config", "ConfigError", "Loaded", "Problem", "load"]
