# SPDX-License-Identifier: GPL-2.0-or-later
# cnida - one static executable for the node's /opt/cni/bin, its tests and its installation
#
#	make			build/bin/cnida and a symlink per plugin type
#	make SAN=1		the same with ASan and UBSan, dynamically linked, in build/san/
#	make V=1		show the commands
#	make WERROR=1		warnings are errors (check and lint do this)
#	make LIBC=glibc		build/bin/cnida with glibc (LIBC=musl: with musl or not at all)
#	make CROSS=TRIPLET	build/TRIPLET/bin/cnida for another processor: aarch64-linux-gnu, ...
#	make help		the other targets
#
# Everything that is made lies in $(O) (build), outside only `make install` writes.

VERSION := 0.1.0
# What the executable answers to by name. "cnida" itself is a type too.
TYPES := $(filter-out cnida,$(sort $(shell sed -n 's/^\t\.name = "\(.*\)",$$/\1/p' plugin/types/*.c)))

# Triplet of the processor to build for, if it is not this machine's; LIBSRC: where the libraries' sources lie.
CROSS ?=
O ?= build$(CROSS:%=/%)
LIBSRC ?= $(O)/lib
SAN ?=
V ?=
WERROR ?=
DESTDIR ?=
CNI_BIN_DIR ?= /opt/cni/bin
MANDIR ?= /usr/local/share/man
# Seconds that one test suite may take before it is stopped and counts as failed.
SUITE_TIMEOUT ?= 300

ifeq ($(origin CC),default)
CC := $(CROSS:%=%-)gcc
endif
ifeq ($(origin AR),default)
AR := $(CROSS:%=%-)ar
endif
STRIP ?= $(CROSS:%=%-)strip
BPF_CC ?= clang
BPF_STRIP ?= llvm-strip
, := ,
Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-6s %s\n' '$(1)' '$(2)')

# ---- flags ---------------------------------------------------------------------------------------

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wstrict-prototypes \
	-Wmissing-prototypes -Wold-style-definition -Wvla -Wformat=2 -Wnull-dereference \
	-Wcast-qual -Wwrite-strings -Wundef -Wdate-time
ifneq ($(findstring clang,$(notdir $(CC))),)
WARN += -Wno-gnu-statement-expression -Wno-unknown-warning-option
else
WARN += -Wduplicated-cond -Wlogical-op -Wimplicit-fallthrough=5
endif
ifeq ($(WERROR),1)
WARN += -Werror
endif

# Asked of the machine while the compiler is not installed yet.
TRIPLET := $(or $(shell $(CC) -dumpmachine 2>/dev/null),$(shell uname -m)-linux-gnu)
MACHINE := $(firstword $(subst -, ,$(TRIPLET)))
# The kernel's headers for that machine; Debian has those of other machines in a folder of the cross compiler.
KERNEL_INC := $(if $(CROSS),/usr/$(CROSS)/include,/usr/include)
ASM_INC := $(if $(CROSS),/usr/$(CROSS)/include,/usr/include/$(TRIPLET))
# No -fstack-clash-protection: it touches every page of a frame, 20 of them in an ADD, so that none can reach over the
# guard below the stack. That is 1 MB wide, and no frame of ours is larger than 64 KB: a larger one does not compile.
HARDEN := -D_FORTIFY_SOURCE=3 -fstack-protector-strong -Werror=frame-larger-than=65536 \
	-ftrivial-auto-var-init=zero -fzero-call-used-regs=used-gpr
HARDEN += $(if $(filter x86_64,$(MACHINE)),-fcf-protection)
HARDEN += $(if $(filter aarch64,$(MACHINE)),-mbranch-protection=standard)
LDHARDEN := -Wl,-z,relro,-z,now,-z,noexecstack,-z,separate-code,--as-needed

CPPFLAGS_ALL := -D_GNU_SOURCE -DCNIDA_VERSION='"$(VERSION)"' -Iplugin -I. $(CPPFLAGS)
# The same bytes wherever the tree and the output lie: no absolute path and no date may get into an object.
CFLAGS_BASE := -std=gnu17 -g -fPIE -fvisibility=hidden -ffunction-sections -fdata-sections \
	-ffile-prefix-map=$(CURDIR)=. -ffile-prefix-map=$(O)=build -ffile-prefix-map=$(LIBSRC)=build/lib -MMD -MP

# asm/types.h is in the machine's own folder, which the compiler for the eBPF machine does not know.
BPF_CFLAGS := -target bpf -mcpu=v3 -O2 -g -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror) -I. \
	-idirafter $(ASM_INC) -ffile-prefix-map=$(CURDIR)=.

ifeq ($(SAN),1)
B := $(O)/san
CFLAGS_ALL := $(CFLAGS_BASE) $(WARN) -O1 -fno-omit-frame-pointer \
	-fsanitize=address,undefined -fno-sanitize-recover=all $(CFLAGS)
LDFLAGS_BIN := -pie -fsanitize=address,undefined $(LDFLAGS)
LDFLAGS_TEST := $(LDFLAGS_BIN)
else
B := $(O)
CFLAGS_ALL := $(CFLAGS_BASE) $(WARN) -O2 $(HARDEN) $(CFLAGS)
# No build ID: it would be a hash of the debugging information too, in which are the names of folders.
LDFLAGS_BIN := -static-pie $(LDHARDEN) -Wl,--gc-sections,--build-id=none $(LDFLAGS)
# No --gc-sections: nothing refers to the section in which Criterion looks for tests.
LDFLAGS_TEST := -pie $(LDHARDEN) $(LDFLAGS)
endif

# Debian has libmnl.so only: what the static executable needs of it is in plugin/kernel/mnl/. Name
# another libmnl.a here to link that one instead.
LIBMNL ?= $(O)/lib/libmnl.a
LIBS_BIN := $(if $(SAN),-lnftnl -lmnl -ljansson -lbpf,-lnftnl $(LIBMNL) -ljansson -lbpf -lelf)
# The plain tests link what the product links, the sanitized ones Debian's libmnl.so: the same tests hold
# both implementations to one behaviour.
LIBS_TEST := $(if $(SAN),-lnftnl -lmnl,-Wl$(,)-Bstatic -lnftnl -Wl$(,)-Bdynamic $(LIBMNL)) -ljansson -lbpf

# ---- the C library of the executable ---------------------------------------------------------------

# musl, because a plugin lives for a millisecond: glibc's start-up asks the CPU for its caches with dozens of
# CPUID instructions, each of which traps in a virtual machine (0.42 ms against 0.17 ms to start and end there),
# and is 0.8 MB larger. Tests and the sanitized variant use glibc, so every line of ours runs with both.
#
# Debian has jansson, libbpf and elfutils' libelf for glibc only: ours come from Debian's source packages, once, into
# $(O)/lib/. Where those cannot be had, the executable is linked with glibc; libc.mk remembers it until `make clean`.
#
# For another processor musl comes from Debian's source package too: its packages for other machines cannot be installed beside
# ours without making this a machine of both kinds, and Debian 12 has none for riscv64.
LIBC ?= $(if $(CROSS),musl)
JANSSON := $(LIBSRC)/jansson
LIBBPF := $(LIBSRC)/libbpf
ELFUTILS := $(LIBSRC)/elfutils
# A file of each tells that it is there.
SOURCES := $(JANSSON)/src/jansson.h $(LIBBPF)/src/libbpf.h $(ELFUTILS)/libelf/libelf.h
SOURCES += $(if $(CROSS),$(LIBSRC)/musl/configure)
ifeq ($(or $(LIBC),$(SAN)),)
ifeq ($(words $(wildcard $(SOURCES))),$(words $(SOURCES)))
LIBC := musl
else ifneq ($(filter-out clean help format deps deps-% lint,$(or $(MAKECMDGOALS),all)),)
include $(O)/libc.mk
endif
endif
ifneq ($(filter-out musl glibc,$(LIBC)),)
$(error LIBC is musl or glibc)
endif

MUSL := $(if $(CROSS),$(O)/lib/libc/lib,/usr/lib/$(TRIPLET:-gnu=-musl))
MUSL_C_INC := $(if $(CROSS),$(O)/lib/libc/include,/usr/include/$(TRIPLET:-gnu=-musl))
# Headers that the executable needs beside musl's: the kernel's and some libraries', none of glibc's.
MUSL_INC := $(O)/lib/include
# No CPPFLAGS of glibc: musl has no fortified functions, and without its start-up nobody turns CET on.
MUSL_CFLAGS = -nostdinc -isystem $(MUSL_C_INC) \
	-isystem $(shell $(CC) -print-file-name=include) -idirafter $(MUSL_INC) \
	$(filter-out -D_FORTIFY_SOURCE=% -fcf-protection,$(CFLAGS_ALL))
# musl-gcc's own link line makes a dynamic executable of -static-pie.
MUSL_LD = $(CC) -nostdlib $(LDFLAGS_BIN) -Wl,--no-dynamic-linker $(MUSL)/rcrt1.o $(MUSL)/crti.o
MUSL_END = -L$(MUSL) -Wl,--start-group -lc -lgcc -Wl,--end-group $(MUSL)/crtn.o
# What only people and policies need comes last, so that the start of a plugin touches fewer pages.
MUSL_OBJS = $(MUSLOBJ) $(O)/lib/libjansson.a $(MUSL)/libc.a $(SELDOMOBJ) $(O)/lib/libbpf.a $(O)/lib/libelf.a

# ---- what is built -------------------------------------------------------------------------------

SRC := $(sort $(filter-out %.bpf.c,$(wildcard plugin/*.c plugin/*/*.c ipam/*.c bpf/*.c)))
# What runs in the kernel: one object, which lies in the executable.
BPFOBJ := $(B)/obj/bpf/cnida.bpf.o
MNLOBJ := $(patsubst %.c,$(B)/obj/%.o,$(sort $(wildcard plugin/kernel/mnl/*.c)))
OBJ := $(SRC:%.c=$(B)/obj/%.o)
LIBOBJ := $(filter-out $(B)/obj/plugin/main.o,$(OBJ))
SELDOM := bpf/%.c plugin/cli/%.c plugin/policy/%.c
MUSLOBJ := $(patsubst %.c,$(B)/obj/musl/%.o,$(filter-out $(SELDOM),$(SRC))) $(MNLOBJ:$(B)/obj/%=$(B)/obj/musl/%)
SELDOMOBJ := $(patsubst %.c,$(B)/obj/musl/%.o,$(filter $(SELDOM),$(SRC)))
JANSSONOBJ := $(patsubst %,$(B)/obj/musl/jansson/%.o,dump error hashtable hashtable_seed load memory \
	pack_unpack strbuffer strconv utf value version)
# Those files of libbpf and libelf without which ours do not link.
LIBBPFOBJ := $(patsubst %,$(B)/obj/musl/libbpf/%.o,bpf btf gen_loader hashmap libbpf libbpf_probes relo_core \
	str_error strset usdt)
LIBELFOBJ := $(patsubst %,$(B)/obj/musl/libelf/%.o,elf32_getchdr elf32_getphdr elf32_getshdr elf32_xlatetof \
	elf64_getchdr elf64_getehdr elf64_getphdr elf64_getshdr elf64_xlatetof elf_begin elf_compress elf_end \
	elf_error elf_getdata elf_getphdrnum elf_getscn elf_getshdrnum elf_getshdrstrndx elf_kind elf_memory \
	elf_ndxscn elf_nextscn elf_rawdata elf_strptr elf_version gelf_fsize gelf_getchdr gelf_getclass \
	gelf_getehdr gelf_getnote gelf_getphdr gelf_getshdr gelf_getsym gelf_xlate gelf_xlatetof)
# test/unit, test/net and test/bpf are Criterion tests: one program per folder, linked with the product without main.c.
SUITES := $(foreach s,unit net bpf,$(if $(wildcard test/$(s)/*.c),$(s)))
FLOOR := $(patsubst %,test/bench/%.c,floor wire_record wire_replay)
ALONE := test/bench/ipam_scale.c test/bench/nothing.c $(FLOOR)
suite_obj = $(patsubst %.c,$(B)/obj/%.o,$(filter-out $(ALONE),$(sort $(wildcard test/$(1)/*.c))))
# test/plugin (black-box tests of a plugin folder), test/bench and test/soak run plugins from outside: one program each,
# plain only, with test/lib/. test/bench/ipam_scale.c is a program of its own that needs the product,
# nothing.c one that shows what starting an executable like the product costs, floor.c one that shows what the kernel costs.
PROBES := $(if $(SAN),,$(foreach s,plugin bench soak,$(if $(wildcard test/$(s)/*.c),$(s))))
# test/conformance scores any plugin folder, in nodes of its own.
CONFORMANCE := $(if $(SAN),,$(if $(wildcard test/conformance/*.c),$(B)/test/cni-conformance))
TESTLIB := $(B)/obj/test/lib.a
# test/policy/README.md: cases with real pods and packets. Runs the plugins from outside, as the probes do.
MATRIX := $(patsubst %,$(B)/obj/test/policy/%.o,case flows manifest matrix matrix_case matrix_judge probe \
	probe_sctp probe_tcp probe_udp service topology topology_tools)
LEAK := $(patsubst %,$(B)/obj/test/policy/%.o,leak manifest topology topology_tools traffic)
CRASH := $(call suite_obj,crash)
# The oracle, what plays cases and what makes worlds are linked into the unit tests; policy-generate writes the
# suites of cases that no hand wrote into test/policy/ of the output folder.
policy_obj = $(patsubst %,$(B)/obj/test/policy/%.o,$(1))
ORACLE := $(call policy_obj,oracle case play)
GENERATE := $(ORACLE) $(call policy_obj,generate derive cyclonus cyclonus_changes large)
WORLDS := $(call policy_obj,compiled shrink world_objects worlds)
suite_extra = $(if $(filter unit bpf,$(1)),$(ORACLE) $(WORLDS))
TESTOBJ := $(foreach s,$(SUITES) lib plugin bench soak conformance,$(call suite_obj,$(s))) $(GENERATE) $(WORLDS)

# test/fuzz: each file but these is a target, a program of its own made by clang (not by `make tests`). What replays their corpora
# is one program, sanitized only.
FUZZ_NAMES := $(filter-out replay sandbox,$(patsubst test/fuzz/%.c,%,$(wildcard test/fuzz/*.c)))
FUZZ_POLICY := $(patsubst %,test/policy/%.o,oracle compiled worlds world_objects)
FUZZ_WRAP := -Wl,--wrap=sendto,--wrap=recvmsg
FUZZ_REPLAY := $(patsubst %,$(B)/obj/test/fuzz/%.o,$(FUZZ_NAMES) replay sandbox)

BIN := $(if $(SAN),$(B)/cnida,$(B)/bin/cnida)
LINKS := $(TYPES:%=$(dir $(BIN))%)
TESTBIN := $(SUITES:%=$(B)/test/%) $(PROBES:%=$(B)/test/%) $(if $(SAN),,$(B)/test/policy-matrix $(B)/test/policy-leak \
	$(B)/test/policy/.made $(B)/test/crash) $(CONFORMANCE) \
	$(if $(SAN),$(B)/test/fuzz-replay)

.PHONY: all tests deps deps-build deps-check deps-lint deps-dist demo dist check check-long check-dist bench lint format install clean help FORCE
.DELETE_ON_ERROR:
.SUFFIXES:

all: $(BIN) $(LINKS)

# Fails early, and with the command to run, when a package is missing; installs it when it may.
deps-build:
	@test/lib/deps.sh build
$(O)/.deps-build: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh build $(CROSS)
	@touch $@
$(O)/.deps-check: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh check
	@touch $@
$(O)/.deps-lint: test/lib/deps.sh
	@mkdir -p $(@D)
	@test/lib/deps.sh lint
	@touch $@

# Tells make which C library to use, and is made before anything else is. The log says why it was not had.
$(O)/libc.mk: | $(O)/.deps-build
	@mkdir -p $(O)/lib
	@echo '  GET    the source packages of jansson, libbpf, elfutils'
	@if [ -e $(MUSL)/rcrt1.o ] && for s in $(SOURCES:$(LIBSRC)/%=%); do \
		[ -e $(LIBSRC)/$$s ] || test/lib/deps.sh source $${s%%/*} $(LIBSRC)/$${s%%/*} \
			> $(O)/lib/$${s%%/*}.log 2>&1 || exit 1; done; then \
		echo 'LIBC := musl' > $@; \
	else \
		echo 'LIBC := glibc' > $@; \
		echo '  NOTE   glibc instead of musl, a plugin starts 3 times slower: no musl-dev for' \
			'$(TRIPLET), or see $(O)/lib/*.log; LIBC=musl tries again' >&2; \
	fi
$(SOURCES): | $(O)/.deps-build
	$(call say,GET,$(word 1,$(subst /, ,$(@:$(LIBSRC)/%=%)))$(,) the source package)
	$(Q)s=$(word 1,$(subst /, ,$(@:$(LIBSRC)/%=%))); mkdir -p $(O)/lib; \
		test/lib/deps.sh source $$s $(LIBSRC)/$$s > $(O)/lib/$$s.log 2>&1 || \
		{ cat $(O)/lib/$$s.log >&2; exit 1; }

deps:
	@test/lib/deps.sh build check lint

# The command lines, so that what was made with them is made anew when they change (WERROR changes no object).
$(B)/obj/.flags: FLAGS = $(CFLAGS_ALL)
$(B)/obj/musl/.flags: FLAGS = $(MUSL_CFLAGS)
$(B)/obj/.link: FLAGS = $(LIBC) $(LDFLAGS_BIN)
$(B)/obj/.flags $(B)/obj/musl/.flags $(B)/obj/.link: FORCE | $(O)/.deps-build
	@mkdir -p $(@D)
	@echo '$(CC) $(CPPFLAGS_ALL) $(filter-out -Werror,$(FLAGS))' | cmp -s - $@ || \
		echo '$(CC) $(CPPFLAGS_ALL) $(filter-out -Werror,$(FLAGS))' > $@

$(B)/obj/%.o: %.c $(B)/obj/.flags
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) $(CFLAGS_EXTRA) -c -o $@ $<

$(B)/obj/musl/%.o: %.c $(B)/obj/musl/.flags | $(MUSL_INC)/.made
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS_ALL) $(MUSL_CFLAGS) -c -o $@ $<

$(MUSL_INC)/.made: $(SOURCES) $(if $(CROSS),$(MUSL)/libc.a)
	@rm -rf $(@D) && mkdir -p $(@D)
	@ln -s $(KERNEL_INC)/linux $(KERNEL_INC)/asm-generic $(ASM_INC)/asm /usr/include/libmnl /usr/include/libnftnl \
		/usr/include/jansson_config.h /usr/include/zlib.h \
		$(firstword $(wildcard /usr/include/zconf.h /usr/include/*-linux-gnu*/zconf.h)) $(@D)/
	@ln -sr $(JANSSON)/src/jansson.h $(@D)/ && ln -sr $(LIBBPF)/src $(@D)/bpf
	@touch $@

# With the flags of Debian's package, in a folder of its own: the source is that of all processors.
ifneq ($(CROSS),)
$(MUSL)/libc.a: $(LIBSRC)/musl/configure
	$(call say,MUSL,$(CROSS))
	@rm -rf $(O)/lib/libc $(B)/obj/libc && mkdir -p $(O)/lib $(B)/obj/libc
	$(Q)cd $(B)/obj/libc && { $(abspath $(LIBSRC))/musl/configure --target=$(CROSS) --prefix=$(abspath $(O)/lib/libc) \
		--disable-shared CC='$(CC)' AR='$(AR)' RANLIB='$(CROSS)-ranlib' \
		CFLAGS='-O2 -fstack-protector-strong' && \
		$(MAKE) install; } > $(abspath $(O)/lib)/libc.log 2>&1 || { tail -n 30 $(abspath $(O)/lib)/libc.log >&2; exit 1; }
endif

# What jansson's configure would find out. Its code is not ours to warn about.
JANSSON_HAS := HAVE_UNISTD_H HAVE_FCNTL_H HAVE_SCHED_H HAVE_SYS_STAT_H HAVE_SYS_TIME_H HAVE_SYS_TYPES_H \
	HAVE_STDINT_H HAVE_CLOSE HAVE_OPEN HAVE_READ HAVE_GETPID HAVE_GETTIMEOFDAY HAVE_SCHED_YIELD \
	HAVE_SYNC_BUILTINS HAVE_ATOMIC_BUILTINS HAVE_STRTOLL HAVE_SNPRINTF USE_URANDOM
$(JANSSON)/src/jansson_private_config.h: Makefile $(JANSSON)/src/jansson.h
	@printf '#define %s 1\n' $(JANSSON_HAS) > $@
$(JANSSONOBJ): $(B)/obj/musl/jansson/%.o: $(JANSSON)/src/jansson_private_config.h $(B)/obj/musl/.flags \
		| $(MUSL_INC)/.made
	@mkdir -p $(@D)
	$(call say,CC,jansson/$*.c)
	$(Q)$(CC) -D_GNU_SOURCE -DHAVE_CONFIG_H -I$(JANSSON)/src $(filter-out $(WARN),$(MUSL_CFLAGS)) -w -c -o $@ \
		$(JANSSON)/src/$*.c
$(O)/lib/libjansson.a: $(JANSSONOBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

$(LIBBPFOBJ): $(B)/obj/musl/libbpf/%.o: $(LIBBPF)/src/libbpf.h $(ELFUTILS)/libelf/libelf.h $(B)/obj/musl/.flags \
		| $(MUSL_INC)/.made
	@mkdir -p $(@D)
	$(call say,CC,libbpf/$*.c)
	$(Q)$(CC) -D_GNU_SOURCE -D_LARGEFILE64_SOURCE -I$(LIBBPF)/src -I$(LIBBPF)/include -I$(LIBBPF)/include/uapi \
		-I$(ELFUTILS)/libelf $(filter-out $(WARN),$(MUSL_CFLAGS)) -w -c -o $@ $(LIBBPF)/src/$*.c
$(O)/lib/libbpf.a: $(LIBBPFOBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# What elfutils' configure would find out.
$(ELFUTILS)/config.h: Makefile $(ELFUTILS)/libelf/libelf.h
	@printf '#define %s 1\n' SYMBOL_VERSIONING HAVE_VISIBILITY HAVE_DECL_POWEROF2 HAVE_DECL_MEMPCPY \
		HAVE_DECL_REALLOCARRAY HAVE_ERR_H > $@
	@printf '#include <eu-config.h>\n' >> $@
$(LIBELFOBJ): $(B)/obj/musl/libelf/%.o: $(ELFUTILS)/config.h $(B)/obj/musl/.flags | $(MUSL_INC)/.made
	@mkdir -p $(@D)
	$(call say,CC,libelf/$*.c)
	$(Q)$(CC) -D_GNU_SOURCE -DHAVE_CONFIG_H -I$(ELFUTILS) -I$(ELFUTILS)/libelf -I$(ELFUTILS)/lib \
		$(filter-out $(WARN),$(MUSL_CFLAGS)) -w -c -o $@ $(ELFUTILS)/libelf/$*.c
$(O)/lib/libelf.a: $(LIBELFOBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# The same object for every kernel: no kernel headers but the user-space ones, no relocations by BTF. llvm-strip takes
# away what only debuggers read. The version is a hash of it.
$(BPFOBJ): bpf/cnida.bpf.c $(B)/obj/.bpf-flags
	@mkdir -p $(@D)
	$(call say,BPF,$<)
	$(Q)$(BPF_CC) $(BPF_CFLAGS) -MMD -MP -MF $(@:.o=.d) -MT $@ -c -o $@.debug $<
	$(Q)$(BPF_STRIP) -g -o $@ $@.debug && rm -f $@.debug
	$(Q)sha256sum < $@ | cut -c 1-16 | tr -d '\n' > $@.version
$(B)/obj/.bpf-flags: FORCE | $(O)/.deps-build
	@mkdir -p $(@D)
	@echo '$(BPF_CC) $(filter-out -Werror,$(BPF_CFLAGS))' | cmp -s - $@ || \
		echo '$(BPF_CC) $(filter-out -Werror,$(BPF_CFLAGS))' > $@
$(B)/obj/bpf/object.o $(B)/obj/musl/bpf/object.o: $(BPFOBJ)
$(B)/obj/bpf/object.o $(B)/obj/musl/bpf/object.o: private CPPFLAGS_ALL += -DBPF_OBJECT='"$(BPFOBJ)"'

$(O)/lib/libmnl.a: $(MNLOBJ)
	@mkdir -p $(@D)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

ifeq ($(LIBC),musl)
$(BIN): $(MUSLOBJ) $(SELDOMOBJ) $(O)/lib/libjansson.a $(O)/lib/libbpf.a $(O)/lib/libelf.a $(B)/obj/.link
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(MUSL_LD) -Wl,-Map=$(B)/obj/cnida.map -o $@.debug $(MUSL_OBJS) $(MUSL_END)
else
$(BIN): $(OBJ) $(if $(SAN),,$(LIBMNL)) $(B)/obj/.link
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_BIN) -o $@.debug $(OBJ) $(LIBS_BIN)
endif
	$(Q)$(if $(SAN),cp $@.debug $@,$(STRIP) -o $@ $@.debug)
	$(Q)mv -f $@.debug $(B)/obj/cnida.debug

$(LINKS): $(BIN)
	$(Q)ln -sfn cnida $@

tests: $(TESTBIN)

$(TESTOBJ): | $(O)/.deps-check
# Criterion's macros assign an int to a bit field and cast away const.
$(TESTOBJ): CFLAGS_EXTRA := -Wno-conversion -Wno-cast-qual -Wno-null-dereference
$(TESTLIB): $(call suite_obj,lib)
	@mkdir -p $(@D)
	$(Q)rm -f $@ && $(AR) rcsD $@ $^

# One rule per suite, since each has objects of its own.
define suite_rule
$$(B)/test/$(1): $$(call suite_obj,$(1)) $$(call suite_extra,$(1)) $$(LIBOBJ) $$(if $$(SAN),,$$(LIBMNL))
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_TEST) -o $$@ $$(call suite_obj,$(1)) $$(call suite_extra,$(1)) $$(LIBOBJ) \
		$$(LIBS_TEST) -lcriterion
endef
$(foreach s,$(SUITES),$(eval $(call suite_rule,$(s))))

define probe_rule
$$(B)/test/$(1): $$(call suite_obj,$(1)) $$(TESTLIB)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$$(Q)$$(CC) $$(LDFLAGS_TEST) -o $$@ $$^ -ljansson -lm
endef
$(foreach s,$(PROBES),$(eval $(call probe_rule,$(s))))

$(B)/test/cni-conformance: $(call suite_obj,conformance) $(TESTLIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $^ -ljansson -lpthread

$(MATRIX) $(LEAK): | $(O)/.deps-check
$(MATRIX) $(LEAK): CFLAGS_EXTRA := -Wno-conversion -Wno-cast-qual -Wno-null-dereference
$(B)/test/policy-matrix: $(MATRIX) $(TESTLIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $(filter %.o,$^) $(TESTLIB) -ljansson

# With the product, to replace its programs.
$(B)/test/policy-leak: $(LEAK) $(TESTLIB) $(LIBOBJ) $(LIBMNL)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $(LEAK) $(TESTLIB) $(LIBOBJ) $(LIBS_TEST)

# Every system call of every verb killed or refused (test/crash/README.md). Runs the plugins from outside.
$(CRASH): | $(O)/.deps-check
$(CRASH): CFLAGS_EXTRA := -Wno-conversion -Wno-cast-qual -Wno-null-dereference
$(B)/test/crash: $(CRASH) $(TESTLIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $^ -ljansson

$(B)/test/policy-generate: $(GENERATE)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $^ -ljansson
$(B)/test/policy/.made: $(B)/test/policy-generate
	@rm -rf $(@D) && mkdir -p $(@D)
	$(call say,GEN,$(@D))
	$(Q)$< $(@D) > $@ || { rm -f $@; exit 1; }

# The programs of bpf/ as C functions: written for clang, and they read packets where they lie.
$(FUZZ_REPLAY): | $(O)/.deps-check
$(FUZZ_REPLAY): CFLAGS_EXTRA = -DFUZZ_REPLAY -Wno-conversion -Wno-sign-conversion -Wno-missing-prototypes \
	-Wno-cast-qual -Wno-null-dereference $(FUZZ_FLAGS_$(*F)) \
	'-DFUZZ_TARGETS(X)=$(foreach n,$(FUZZ_NAMES),X($(n)))'
FUZZ_FLAGS_packet := -fno-strict-aliasing -fno-sanitize=alignment -Wno-unknown-pragmas -Wno-pedantic -Wno-shadow
# Our libmnl also here: Debian's follows lengths above INT_MAX.
$(B)/test/fuzz-replay: $(FUZZ_REPLAY) $(FUZZ_POLICY:%=$(B)/obj/%) $(LIBOBJ) $(MNLOBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) $(FUZZ_WRAP) -o $@ $^ $(LIBS_TEST)

# libFuzzer, ASan and UBSan; with our libmnl. Clang also complains of NULL + 0, which C2y allows. `make build/test/fuzz/NAME`, `make fuzz` for all.
FUZZ_CC := clang
FUZZ_CFLAGS := $(CFLAGS_BASE) -O1 -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
	-fno-sanitize=pointer-overflow -fno-sanitize-recover=all -Wall -Wextra -Wno-unknown-warning-option -Wno-gnu-statement-expression
FUZZ_OBJ := $(patsubst %.c,$(O)/obj/fuzz/%.o,$(filter-out plugin/main.c,$(SRC)) $(wildcard plugin/kernel/mnl/*.c) test/fuzz/sandbox.c) \
	$(FUZZ_POLICY:%=$(O)/obj/fuzz/%)
.PHONY: fuzz
fuzz: $(FUZZ_NAMES:%=$(O)/test/fuzz/%)
$(O)/obj/fuzz/bpf/object.o: $(BPFOBJ)
$(O)/obj/fuzz/%.o: %.c | $(O)/.deps-build
	@mkdir -p $(@D)
	$(call say,FUZZCC,$<)
	$(Q)$(FUZZ_CC) $(CPPFLAGS_ALL) -DBPF_OBJECT='"$(BPFOBJ)"' $(FUZZ_CFLAGS) $(FUZZ_FLAGS_$(*F)) -c -o $@ $<
$(FUZZ_NAMES:%=$(O)/test/fuzz/%): $(O)/test/fuzz/%: $(O)/obj/fuzz/test/fuzz/%.o $(FUZZ_OBJ)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) -fsanitize=fuzzer,address,undefined -pie $(if $(filter netlink,$*),$(FUZZ_WRAP)) -o $@ $^ \
		-Wl,-Bstatic -lnftnl -Wl,-Bdynamic -ljansson -lbpf
-include $(FUZZ_REPLAY:.o=.d) $(FUZZ_OBJ:.o=.d) $(FUZZ_NAMES:%=$(O)/obj/fuzz/test/fuzz/%.d)

$(B)/test/floor: $(FLOOR:%.c=$(B)/obj/%.o) $(patsubst %,$(B)/obj/test/bench/%.o,lineup peer series) $(TESTLIB)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $^ -ljansson

$(B)/test/ipam_scale: $(B)/obj/test/bench/ipam_scale.o $(LIBOBJ) $(if $(SAN),,$(LIBMNL))
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_TEST) -o $@ $< $(LIBOBJ) $(LIBS_TEST)

ifeq ($(LIBC),musl)
$(B)/test/nothing: $(B)/obj/musl/test/bench/nothing.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(MUSL_LD) -o $@ $< $(MUSL_END)
else
$(B)/test/nothing: $(B)/obj/test/bench/nothing.o
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(LDFLAGS_BIN) -o $@ $<
endif

-include $(BPFOBJ:.o=.d) $(OBJ:.o=.d) $(MUSLOBJ:.o=.d) $(SELDOMOBJ:.o=.d) $(patsubst %.c,$(B)/obj/%.d,$(ALONE)) $(TESTOBJ:.o=.d) $(MATRIX:.o=.d) $(LEAK:.o=.d) $(CRASH:.o=.d) $(MNLOBJ:.o=.d)

# ---- trying it out -------------------------------------------------------------------------------

# Unless it was said how many.
JOBS = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# The suites of `make check`: plain and sanitized builds of the C programs, then the scripts. One
# line "N passed, N failed, N skipped" closes the run.
check: | $(O)/.deps-check
	@$(MAKE) $(JOBS) --no-print-directory WERROR=1 all tests
	@$(MAKE) $(JOBS) --no-print-directory WERROR=1 SAN=1 all tests
	@SUITE_TIMEOUT=$(SUITE_TIMEOUT) test/lib/run-suites.sh $(O)

# What takes minutes each: test/long/NAME.sh, all or those that LONG names.
LONG ?= $(sort $(patsubst test/long/%.sh,%,$(wildcard test/long/*.sh)))
check-long: | $(O)/.deps-check
	@test/lib/deps.sh long
	@$(MAKE) $(JOBS) --no-print-directory WERROR=1 all tests
	@SUITE_TIMEOUT=3600 test/lib/run-suites.sh $(O) $(LONG:%=long-%)

lint: export LINT_CPPFLAGS := $(CPPFLAGS_ALL)
lint: export LINT_WARN := $(WARN)
lint: $(BPFOBJ) | $(O)/.deps-build $(O)/.deps-check $(O)/.deps-lint
	@CC='$(CC)' test/lib/lint.sh $(O)

format: | $(O)/.deps-lint
	clang-format -i $$(find plugin ipam bpf test -name '*.[ch]')

ifneq ($(wildcard test/lib/demo.sh),)
demo: | $(O)/.deps-check
	@$(MAKE) $(JOBS) --no-print-directory all
	@test/lib/node test/lib/demo.sh $(O)/bin
endif

ifneq ($(filter bench,$(PROBES)),)
# BENCH_ARGS: options of the program, see test/bench/README.md.
bench: all $(B)/test/bench $(B)/test/floor $(B)/test/ipam_scale $(B)/test/nothing | $(O)/.deps-check
	@mkdir -p $(O)/bench
	@test/lib/node $(B)/test/bench --cnida $(O)/bin --nothing $(B)/test/nothing \
		--json $(O)/bench/results.json $(BENCH_ARGS)
	@test/lib/node $(B)/test/floor --cnida $(O)/bin --nothing $(B)/test/nothing --json $(O)/bench/floor.json
endif

# ---- putting it in place -------------------------------------------------------------------------

# A file that has the same bytes is left alone, others are replaced by renaming, so that a runtime that
# executes a plugin at this moment sees the old or the new one. Only names of ours are touched.
install: all
	$(Q)install -d $(DESTDIR)$(CNI_BIN_DIR) $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(MANDIR)/man8
	$(Q)cmp -s $(BIN) $(DESTDIR)$(CNI_BIN_DIR)/cnida || { \
		install -m 755 $(BIN) $(DESTDIR)$(CNI_BIN_DIR)/.cnida.new && \
		mv -fT $(DESTDIR)$(CNI_BIN_DIR)/.cnida.new $(DESTDIR)$(CNI_BIN_DIR)/cnida; }
	$(Q)cd $(DESTDIR)$(CNI_BIN_DIR) && for t in $(TYPES); do \
		[ "$$(readlink $$t)" = cnida ] || { ln -sfn cnida .$$t.new && mv -fT .$$t.new $$t; } || exit 1; \
	done
	$(Q)install -m 644 conf/cnida-config.5 $(DESTDIR)$(MANDIR)/man5/
	$(Q)install -m 644 conf/cnida.8 $(DESTDIR)$(MANDIR)/man8/

# ---- to nodes -------------------------------------------------------------------------------------

# A tarball per processor with its checksums, laid out like EKS-D's cni-plugins. The same bytes from every folder.
DIST_ARCHS ?= amd64 arm64
triplet_amd64 := x86_64-linux-gnu
triplet_arm64 := aarch64-linux-gnu
triplet_armhf := arm-linux-gnueabihf
triplet_riscv64 := riscv64-linux-gnu
dist_cross = $(filter-out $(TRIPLET),$(triplet_$(1)))
# ARCH:CROSS:FOLDER
dist_list = $(foreach a,$(DIST_ARCHS),$(a):$(call dist_cross,$(a)):$(O)$(patsubst %,/%,$(call dist_cross,$(a))))

deps-dist:
	@test/lib/deps.sh build dist $(foreach a,$(DIST_ARCHS),$(call dist_cross,$(a)))

# One after the other: they share the libraries' sources.
dist:
	$(if $(strip $(foreach a,$(DIST_ARCHS),$(if $(triplet_$(a)),,$(a)))),$(error DIST_ARCHS is of amd64 arm64 armhf riscv64))
	@rm -rf $(O)/dist
	@for d in $(dist_list); do \
		arch=$${d%%:*} folder=$${d##*:} cross=$${d#*:} cross=$${cross%%:*}; \
		$(MAKE) --no-print-directory LIBC=musl LIBSRC=$(O)/lib CROSS=$$cross O=$$folder all && \
		test/lib/dist.sh $(O)/dist $(VERSION) $$arch $$folder $(O)/lib "$$cross" $(TYPES) || exit 1; \
	done

# All of it twice more in other folders, and what was made for other processors under qemu-user.
check-dist: deps-dist | $(O)/.deps-check
	@$(MAKE) --no-print-directory WERROR=1 dist
	@$(MAKE) --no-print-directory WERROR=1 $(B)/test/plugin
	@DIST_ARCHS='$(DIST_ARCHS)' SUITE_TIMEOUT=1200 test/lib/run-suites.sh $(O) runtime-dist runtime-arm64

clean:
	rm -rf $(O)

help:
	@printf '%s\n' \
		'make                build/bin/cnida and a symlink per plugin type' \
		'make deps           install the Debian packages that building, tests and lint need' \
		'sudo make demo      see it work on this machine' \
		'sudo make check     every test' \
		'sudo make check-long  every system call killed, power cuts, other kernels, fuzzing (LONG="NAME...")' \
		'sudo make bench     side by side with the upstream plugins' \
		'make lint           formatting, layering, static analysis' \
		'make format         clang-format on every source file' \
		'make dist           $(O)/dist/: a tarball per processor (DIST_ARCHS="amd64 arm64 armhf riscv64")' \
		'sudo make check-dist  that they are the same from everywhere, and run' \
		'make install        DESTDIR=... CNI_BIN_DIR=$(CNI_BIN_DIR)' \
		'make clean          remove $(O)/'
