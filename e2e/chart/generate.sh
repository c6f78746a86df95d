#!/usr/bin/env bash
# Writes what is generated of the chart: its README and the snapshot of its unit tests.

source "$(dirname "${BASH_SOURCE[0]}")/../suite.sh"
source e2e/chart/tools.sh
need go
chart_tools github.com/helm-unittest/helm-unittest/cmd/helm-unittest github.com/norwoodj/helm-docs/cmd/helm-docs

helm-docs --chart-search-root "$chart" --log-level warning
helm-unittest --strict --update-snapshot "$chart"
