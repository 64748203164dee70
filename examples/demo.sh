#!/bin/sh
# Warm pip's real cache for examples/requirements.txt, then let a real pip show that nothing is downloaded again.
# Called by `make demo`; BIN is the folder with python and wheelwarm.
set -eu

requirements=examples/requirements.txt
python="$BIN/python"

# The index alone, so that every file is a download: local folders of the machine's configuration would need none.
export PIP_CONFIG_FILE=/dev/null
unset PIP_FIND_LINKS PIP_EXTRA_INDEX_URL

"$BIN/wheelwarm" prefetch -r "$requirements" --python "$python"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
echo
echo "\$ pip download -r $requirements"
"$python" -m pip download --quiet --no-input --dest "$work/files" --log "$work/log" -r "$requirements"
saved=$(ls "$work/files" | wc -l)
# urllib3's own line for each request that pip sent; pip's "Using cached" would be said after a revalidation too.
requests=$(grep -cE '"GET [^"]*\.(whl|tar\.gz|zip|tar\.bz2)(\?[^"]*)? HTTP' "$work/log" || true)
echo "$saved files saved; requests that pip sent for files: $requests"
test "$requests" -eq 0
