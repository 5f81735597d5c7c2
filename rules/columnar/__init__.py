"""Many enterprises at once; agrees with `rules.evaluate`, which defines what the rules mean."""
