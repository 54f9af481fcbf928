"""How fast Slipway is, as ratios on this machine; `python -m bench` measures it."""
