"""The dashboards' source: `python -m scripts.dashboards` writes charts/scrap/dashboards/*.json."""
