#!/bin/sh
# Prints whose work /usr/bin/agent is made of, with every licence, from what the
# linker takes for GOARCH. Fails where a module has no licence.
set -eu

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat <<TEXT
Muster: one etcd cluster out of many boards.

Copyright 2026 the Muster authors
License: Apache-2.0, see /usr/share/common-licenses/Apache-2.0

/usr/bin/agent is linked from Muster, the Go runtime and standard library, and
the Go modules below, unchanged. Their sources are what
https://pkg.go.dev/MODULE@VERSION shows.
TEXT

# The licences of one module, or of Go itself.
licences() {
	find "$2" -maxdepth 1 -type f \( -iname 'licen[cs]e*' -o -iname 'copying*' -o -iname 'notice*' \) | sort >"$work/files"
	if [ ! -s "$work/files" ]; then
		echo "copyright.sh: $1 has no licence file in $2" >&2
		return 1
	fi
	printf '\n------------------------------------------------------------------------\n%s\n\n' "$1"
	while read -r file; do
		common=
		if grep -q 'TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION' "$file"; then
			common=Apache-2.0
		elif grep -q 'Mozilla Public License, version 2.0' "$file"; then
			common=MPL-2.0
		fi
		if [ -n "$common" ]; then
			grep -E '^ *Copyright (\([cC]\) |©? ?)[0-9]{4}' "$file" || true
			echo "License: $common, see /usr/share/common-licenses/$common"
		else
			tr -d '\r' <"$file"
		fi
	done <"$work/files"
}

licences "Go $(go env GOVERSION)" "$(go env GOROOT)"
go list -deps -f '{{with .Module}}{{if not .Main}}{{.Path}}@{{.Version}} {{.Dir}}{{end}}{{end}}' ./cmd/agent |
	LC_ALL=C sort -u >"$work/modules"
while read -r module dir; do
	[ -z "$module" ] || licences "$module" "$dir"
done <"$work/modules"
