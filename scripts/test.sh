#!/usr/bin/env bash
# The whole test command: Debian packages, lint, types, dependency rules, unused code, build, unit and system tests.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf '\n== %s\n' "$1"; }

bash scripts/install-test-packages.sh
step "lint, types, dependency rules, unused code"
npm run --silent lint
step "build"
npm run --silent build
step "tests"
reporters=(--reporter=default)
[ -n "${TEST_JSON:-}" ] && reporters+=(--reporter=json "--outputFile.json=$TEST_JSON")
npx vitest run "${reporters[@]}" "$@"
