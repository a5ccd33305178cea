# Two commands do everything: `make up` and `make test`.
.PHONY: up test build packages bench down

up: packages build
	scripts/up

test:
	scripts/test

packages:
	scripts/install-packages

build:
	swift build -c release -Xswiftc -enable-testing --product altostack

bench: build
	Benchmarks/run

down:
	.build/release/altostack down
