"""Faults, load and time on the real control plane: what the product recovers from, and how fast.

Every run takes its length in seconds and a seed, and prints both with what it got through. There
are three (`__main__`):

**chaos.** One syncer (`World`) lives one life after the other in 300 namespaces. A life is four
operations (`operations`): a fan-out, an update, a replacement of immutable copies, a finalize. Into
each falls one fault (`faults`), when a random number of copies has been written, as a watch of the
API server tells (`Watch`). The hook is asked through a `Proxy`, which answers as a broken one would
where the fault is an answer, and lasts until a random number of requests was met by it: so no
fault passes unnoticed. Killed parts are started again at once, and the fault is over when they
work again. The registration is the shipped one.

Then nobody helps, and within `HEALING_SECONDS` all must be so:

- the copies, and nothing else: data equal, labels, annotations and owner right, immutable
  or not; none left behind anywhere
- the status: Ready with the counts and the list, of this generation; a second syncer, which has
  objects of its copies' name in its way, says so and keeps its other copies current
- unmanaged objects untouched, by their resourceVersion: in target namespaces under other names,
  elsewhere under the copies' name, and those in the way
- no copy was away in an operation that replaces none; in one that does, none for longer than the
  fault, the backoff that it caused, and what it takes without a fault

The regular resync also heals what Metacontroller has not noticed, so `Parts` registers with a
period that is longer than a run: none can fall into a run's healing. Where something is not
healed, a resync is made on purpose, by an annotation on the syncer, which takes the same path. If
that heals it, the run says so, and it is a failure, except where the proxy saw that /customize was
asked about that syncer in the fault and not answered: Metacontroller drops such an event.

Its second part (`rollouts`) does the same to staged rollouts (`StagedCluster`): each is driven to a
phase of a stage, and there the hook, Metacontroller, the API server or etcd is killed, while
somebody approves, changes the source, takes the change back, or spoils copies. The rollout must
then rest where it would have without the fault. Every write is read from etcd's own history
(`EtcdHistory`), and `StagedRule` judges it, without the service:

- no copy got another revision than what was recorded permits its stage, and each has just the
  data of the revision that it names, which was stored before
- no stage was passed before its soak time was over by the API server's clock, or without approval,
  and none went back

**flood.** Many syncers at once, a source that never rests, and one very large syncer next to small
ones.

**soak.** Random histories without end, with the hook's memory and file descriptors.
"""
