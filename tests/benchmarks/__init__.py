"""Speed and memory as ratios to what the same machine does at the same moment.

Seconds say more about a machine and its load than about this project. So everything is measured
next to something that cannot be done without (parsing the request, applying the copies), in turns
and in one run, and only the ratio of the two has a limit.
"""
