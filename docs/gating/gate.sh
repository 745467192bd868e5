#!/usr/bin/env bash
# Did this change make a statement of the queue worse? Counts decide, and they are the same on every run.
#
#   ./gate.sh              compares with the baseline
#   ./gate.sh renew        makes the baseline, or renews it for a change that is meant to cost something
#   ./gate.sh against REV  compares with the queue as it was at a revision, without a baseline; times count too
#
# Exits as pgq-analyze does: 0 nothing got worse, 3 something did, 5 something could not be judged, 1 and 2 it could not be
# done. What it found is in gate/comment.md, for people, and in gate/junit.xml, for machines.
set -euo pipefail
cd "$(dirname "$0")"

# --- yours: what is measured, on which server, and by how much a count may grow -----------------------------------------------

baseline=main
measured=(
    --queue ./queues/jobs
    --fixture ./fixtures/backlog.toml
    --fixture ./fixtures/wide-payloads.toml
    --all # every operation, not only fetch and complete
    --postgres "${GATE_POSTGRES:-18}"
)
tolerances=() # for example (--tolerance wal_per_row=3)

# ------------------------------------------------------------------------------------------------------------------------------

# Counts come from the first execution of a statement, so they need no second one.
counts_only=(--samples 1)

case "${1:-}" in
"")
    how=("${counts_only[@]}" --baseline "$baseline")
    compared=("$baseline" latest)
    ;;
renew)
    exec pgq-analyze compare-plans "${measured[@]}" "${counts_only[@]}" --baseline "$baseline" --update-baseline
    ;;
against)
    how=(--against "git:${2:?which revision? for example: ./gate.sh against origin/main}")
    compared=(latest~1 latest)
    ;;
*)
    echo "gate.sh: there is no '$1'; say nothing, renew, or against REV" >&2
    exit 2
    ;;
esac

rm -rf gate
mkdir gate
code=0
# An empty array is an error to an old bash, hence the `+`.
{
    pgq-analyze compare-plans "${measured[@]}" "${how[@]}" ${tolerances[@]+"${tolerances[@]}"} \
        --fail-on regression --format markdown >gate/comment.md
} 2>&1 | tee gate/log.txt >&2 || code=$?

if [ -s gate/comment.md ]; then
    pgq-analyze compare "${compared[@]}" ${tolerances[@]+"${tolerances[@]}"} --format junit >gate/junit.xml ||
        [ "$code" != 0 ] || code=1
else
    {
        printf '**The query gate could not be run** (exit code %s)\n\n' "$code"
        # Indented, so that Markdown shows the lines as they are.
        tail -n 5 gate/log.txt | sed 's/^/    /'
    } >gate/comment.md
fi
# The verdict, for whoever reads the log.
sed -n '/^\*\*/ { s/\*\*//g; p; q; }' gate/comment.md
exit "$code"
