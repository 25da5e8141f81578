"""Start a stack or look at a running one, and judge the cases of a plan."""
