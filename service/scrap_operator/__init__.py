"""The operator: replicas from the alert state."""
