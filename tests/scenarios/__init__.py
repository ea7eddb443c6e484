"""Stories of users and clusters, written once and played on two worlds.

Every YAML file here is one story; its name is the sentence that it shows. In `collisions` are those
where the digests of all contents begin alike. A story names the `namespaces` that it needs (all of
its names begin with `x-`, which becomes a prefix of its own where stories share a cluster) and its
`steps`, each a map with one verb:

- `apply`: objects, each created, or merged into what is there
- `patch`: `{of: KIND NAMESPACE/NAME, with: JSON merge patch}`
- `patch_status`: the same for the status, which `with` is a patch of
- `delete`: `KIND NAMESPACE/NAME`, or `{of: …, cascade: foreground | orphan}`
- `mend`: a syncer; runs the one command that its Ready message names; of several the one that
  sets a key, with `{of: …, by: KEY}`
- `expect`: objects that must come to be so: `data` and `binaryData` exactly, everything else as
  far as it is named; null means absent, a list of conditions is matched by type, and a text that
  begins with `re:` is a regular expression to be found
- `absent`: objects that must come to be gone
- `missing`: objects that must be gone already
- `refused`: objects that the API server must come to refuse
- `remember`: objects as they are now; `unchanged`: objects that nobody has written since

`extra_calls: {number: …, reason: …}` says how many more hook calls than the simulated world the
real one may need (without it, 3) and, where time decides, how many `fewer` it may come to.
`waiting: {syncers: […], reason: …}` names those whose copies still wait at the end, or are not
applied: they, and no others, ask to be looked at again.
`race: true` says that of what is applied at once, the real world may see anything first.

`$repeat` and `$list` write long texts and lists small, as in tests/cases. `apiVersion` is left out,
and `uid of KIND NAMESPACE/NAME` stands for a uid. At its end every story checks that the hook is
not asked while nothing changes; in memory, for hours.
"""
