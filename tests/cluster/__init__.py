"""A real single-node Kubernetes for the tests, in namespaces of its own.

    python -m tests.cluster up FOLDER      bring it up, or find it up; prints the kubeconfig
    python -m tests.cluster status FOLDER  what runs
    python -m tests.cluster down FOLDER    stop it; nothing is left behind
    python -m tests.cluster tools NAME...  build helm3, helm4, kubeconform, kyverno into the cache

Everything runs as descendants of one process that is the first of its own process, mount and
network namespaces: when it dies, the kernel ends its descendants and drops their mounts, links,
routes and firewall tables. What is left to clean is one folder and the cgroups.
"""
