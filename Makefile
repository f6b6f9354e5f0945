# Kassel Service Point. `make help` lists the targets.
# The toolchain is fixed here, so that any Go from 1.21 on (and GOTOOLCHAIN=local) works.
export GOTOOLCHAIN := go1.27.4
export GOFLAGS := -buildvcs=false

SHELL  := bash
BIN    := bin/servicepoint
DATA   ?= data
HTTP   ?= 127.0.0.1:8090
PKGS   := ./...

.PHONY: help run build test race check verify bench fuzz golden site demo deps clean
.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

run: build ## start the program with real Kassel content on http://127.0.0.1:8090 (DATA=dir HTTP=addr)
	@./$(BIN) serve --demo --http $(HTTP) --dir $(DATA)

demo: ## like run, but on an empty database that is thrown away afterwards
	@$(MAKE) --no-print-directory build
	@dir=$$(mktemp -d); trap 'rm -rf "$$dir"' EXIT; ./$(BIN) serve --demo --http $(HTTP) --dir "$$dir"

build: ## build bin/servicepoint
	@mkdir -p bin
	go build -trimpath -ldflags "-s -w -X main.version=$$(git describe --always --dirty 2>/dev/null || echo dev)" -o $(BIN) ./pocketbase-app

test: check deps ## all tests that a newcomer needs (installs Chromium when missing and allowed)
	go test -timeout 30m $(PKGS)

race: ## the tests under the race detector
	go test -race -timeout 60m $(PKGS)

check: ## formatting and vet
	@bad=$$(git ls-files '*.go' | xargs gofmt -l); test -z "$$bad" || { echo "gofmt: $$bad"; exit 1; }
	go vet $(PKGS)

verify: ## checks with heavy outside tools (tidy go.mod, staticcheck, LibreOffice, iCalendar reader, xmllint, race detector); installs them
	@.ci/tools verify
	go mod tidy -diff
	go tool staticcheck $(PKGS)
	SERVICEPOINT_VERIFY=1 go test -count=1 -timeout 30m -run 'ARaceOfEverything|PlainModel' ./pocketbase-app/booking
	SERVICEPOINT_VERIFY=1 go test -count=1 -run 'LibreOffice|ForeignReader' ./hooks/mail ./exports/... ./content/ical/... ./content/ticket ./content/survey/formats ./pocketbase-app/base/objects ./pocketbase-app/appointments ./pocketbase-app/booking ./pocketbase-app ./hooks/octo ./hooks/zms
	go test -race -timeout 30m ./hooks/... ./content/... ./pocketbase-app/participation/... ./pocketbase-app/booking/... ./pocketbase-app/appointments/... ./pocketbase-app/orders/... ./pocketbase-app/jobs/...

bench: build ## the figures of docs/performance.md, each beside its floor or peer; a table at the end
	@set -o pipefail; { go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./pocketbase-app && \
	   go test -run '^$$' -bench Seats -benchtime 1x ./pocketbase-app/booking && \
	   go test -run '^$$' -bench . -benchtime 5x ./content/disclosure && \
	   go test -run '^$$' -bench . ./content/survey ./content/citymap ./content/ticket && \
	   go test -run '^$$' -bench . -benchtime 2s ./pocketbase-app/participation && \
	   go test -run '^$$' -bench . -benchtime 1x -timeout 30m ./site && \
	   go test -run '^$$' -bench 'CSV|Parquet' -benchtime 1x ./exports/delimited ./exports/parquet && \
	   go test -run '^$$' -bench Live -benchtime 1x ./pocketbase-app/live && \
	   go test -run '^$$' -bench Workbook -benchtime 1x ./exports; } | tee bin/bench.txt
	@echo; .ci/bench-table bin/bench.txt

fuzz: ## every fuzz target for FUZZTIME (default 20s)
	@for pkg in $$(go list $(PKGS)); do list=$$(go test -list '^Fuzz' $$pkg) || exit 1; for f in $$(grep '^Fuzz' <<< "$$list"); do \
	  echo "$$pkg $$f"; go test -run '^$$' -fuzz "^$$f\$$" -fuzztime $(or $(FUZZTIME),20s) $$pkg || exit 1; done; done

golden: ## write the golden pages and sheets anew; read the diff before you commit it
	go test ./site/... ./exports/... -update

site: build ## write the static site of a stopped instance to OUT (default bin/site)
	./$(BIN) site build --dir $(DATA) --out $(or $(OUT),bin/site)

deps:
	@.ci/tools test

clean:
	rm -rf bin
