# Two commands do everything: `make up` and `make test`.
.PHONY: up test build bundle packages bench down docs install uninstall

PREFIX ?= /usr/local
program = .build/release/altostack

up:
	scripts/up

test:
	scripts/test

packages:
	scripts/install-packages

build:
	swift build -c release -Xswiftc -enable-testing --product altostack

# The program with its libraries in one archive, for machines that have neither.
bundle: build
	scripts/make-bundle

bench: build
	Benchmarks/run --venv "$$(scripts/python-tools)"

down:
	$(program) down

# The documents that follow from the program: settings, coverage, the manual page.
docs: build
	scripts/write-docs $(program)

# The program, its manual page, completions for shells, and what `altostack demo` builds its image with.
install: build
	install -D -m 755 $(program) $(DESTDIR)$(PREFIX)/bin/altostack
	install -D -m 644 docs/altostack.1 $(DESTDIR)$(PREFIX)/share/man/man1/altostack.1
	install -D -m 755 scripts/build-test-guest $(DESTDIR)$(PREFIX)/share/altostack/scripts/build-test-guest
	cp -R scripts/test-guest $(DESTDIR)$(PREFIX)/share/altostack/scripts/
	mkdir -p $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d
	$(program) --generate-completion-script bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/altostack
	$(program) --generate-completion-script zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_altostack
	$(program) --generate-completion-script fish > $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/altostack.fish

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/bin/altostack $(DESTDIR)$(PREFIX)/share/man/man1/altostack.1 $(DESTDIR)$(PREFIX)/share/altostack \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/altostack $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_altostack \
		$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/altostack.fish
