"""flags puts LaunchDarkly behind one small Protocol: evaluation with a memo, and the sources that feed it."""
