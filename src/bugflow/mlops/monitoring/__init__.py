"""How good the models in use are on what is reported: figures, drift, alarms, and when to go back by itself."""
