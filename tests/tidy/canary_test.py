# SPDX-License-Identifier: Apache-2.0
"""Each check must report a breach that is put before it; a check that cannot fail checks nothing."""

import pathlib
import tempfile
import unittest

import checks
import rules
import tidy

SPDX = "// " + rules.SPDX + "\n"


def includes(path, line):
    return list(checks.check_includes(path, line + "\n"))


class Includes(unittest.TestCase):
    def test_base_knows_nothing_of_layers(self):
        self.assertTrue(includes("unpacker/base/fd.cc", '#include "unpacker/layer/metadata.h"'))
        self.assertTrue(includes("unpacker/base/fd.cc", '#  include "unpacker/tar/entry.h"'))

    def test_unpacker_knows_no_snapshotter(self):
        for folder in ("base", "codec", "tar", "tar_writer", "tree", "layer", "pipeline", "cli"):
            path = f"unpacker/{folder}/x.cc"
            self.assertTrue(includes(path, '#include "snapshotter/core/types.h"'), path)
            self.assertTrue(includes(path, '#include "proto/diff.pb.h"'), path)

    def test_core_knows_no_services_and_no_sql(self):
        for name in ("snapshotter/service/a.h", "snapshotter/metadata/a.h", "unpacker/tar/a.h"):
            self.assertTrue(includes("snapshotter/core/x.cc", f'#include "{name}"'), name)

    def test_pipeline_does_not_know_the_command_line(self):
        self.assertTrue(includes("unpacker/pipeline/x.cc", '#include "unpacker/cli/a.h"'))
        self.assertTrue(includes("unpacker/squash/x.cc", '#include "unpacker/cli/a.h"'))

    def test_products_do_not_include_tests(self):
        self.assertTrue(includes("unpacker/tree/x.cc", '#include "tests/support/tree.h"'))

    def test_unknown_folder(self):
        self.assertTrue(includes("unpacker/new/x.cc", '#include "unpacker/base/fd.h"'))

    def test_headers_of_one_folder(self):
        for header in ("sqlite3.h", "liburing.h", "liburing/io_uring.h", "grpcpp/grpcpp.h",
                       "google/protobuf/any.h", "x/y.pb.h", "CLI/CLI.hpp", "toml++/toml.h",
                       "archive.h", "libdeflate.h", "isa-l/igzip_lib.h", "zstd.h", "openssl/evp.h"):
            self.assertTrue(includes("unpacker/pipeline/x.cc", f"#include <{header}>"), header)

    def test_allowed_ones_pass(self):
        self.assertFalse(includes("unpacker/layer/x.cc", '#include "unpacker/base/fd.h"'))
        self.assertFalse(includes("unpacker/tar_writer/x.cc", "#include <archive.h>"))
        self.assertFalse(includes("snapshotter/metadata/x.cc", "#include <sqlite3.h>"))
        self.assertFalse(includes("snapshotter/service/x.cc", '#include "proto/diff.pb.h"'))
        self.assertFalse(includes("tests/service/x.cc", "#include <grpcpp/grpcpp.h>"))
        self.assertFalse(includes("unpacker/base/x.cc", '// #include "snapshotter/core/types.h"'))


def function_of(lines):
    return "int f() {\n" + "    g();\n" * (lines - 2) + "}\n"


class Sources(unittest.TestCase):
    def findings(self, text, path="unpacker/base/x.cc"):
        return list(checks.check_source(path, text))

    def test_licence(self):
        self.assertTrue(self.findings("int x;\n"))
        self.assertTrue(self.findings("\n" + SPDX))
        self.assertTrue(self.findings("#!/bin/sh\necho\n", "tests/x.sh"))
        self.assertFalse(self.findings(SPDX + "int x;\n"))
        self.assertFalse(self.findings("#!/bin/sh\n# " + rules.SPDX + "\n", "tests/x.sh"))

    def test_todo(self):
        word = "TO" + "DO" # this file is checked too
        self.assertTrue(self.findings(SPDX + f"// {word}: later\n"))
        self.assertTrue(self.findings(SPDX + f"// {word}(somebody) later\n"))
        self.assertFalse(self.findings(SPDX + f"// {word}(#12) later\n"))

    def test_file_length(self):
        self.assertTrue(self.findings(SPDX + "int x;\n" * rules.FILE_LINES_MAX))
        self.assertFalse(self.findings(SPDX + "int x;\n" * (rules.FILE_LINES_MAX - 1)))

    def test_function_length(self):
        self.assertTrue(self.findings(SPDX + function_of(rules.FUNCTION_LINES_MAX + 1)))
        self.assertFalse(self.findings(SPDX + function_of(rules.FUNCTION_LINES_MAX)))

    def test_function_length_of_methods_tests_and_wrapped_heads(self):
        body = " {\n" + "    g();\n" * rules.FUNCTION_LINES_MAX + "}\n"
        for head in ("class C {\n  public:\n    void m() const", "TEST(A, B)",
                     "void C::m(int a,\n          int b)", "C::C(int a) : a_(a), b_{a}",
                     "namespace n {\nstatic auto f() -> int", "template <class T>\nT f()"):
            self.assertTrue(self.findings(SPDX + head + body), head)

    def test_only_functions_are_measured(self):
        body = " {\n" + "    int x;\n" * rules.FUNCTION_LINES_MAX + "}\n"
        for head in ("namespace n", "class C", "struct S : Base<int>", "enum class E",
                     "const int kTable[] ="):
            self.assertFalse(self.findings(SPDX + head + body), head)

    def test_braces_in_literals_and_comments_are_no_braces(self):
        trick = '    g("{"); // {\n    h(\'{\');\n    k(R"({)");\n'
        self.assertFalse(self.findings(SPDX + "void f() {\n" + trick + "}\n" +
                                       "int x;\n" * rules.FUNCTION_LINES_MAX))


class Format(unittest.TestCase):
    def test_bad_format_is_reported(self):
        with tempfile.TemporaryDirectory() as name:
            top = pathlib.Path(name)
            (top / "unpacker").mkdir()
            (top / ".clang-format").write_text("BasedOnStyle: LLVM\n", encoding="utf-8")
            (top / "unpacker/x.cc").write_text("int   x ;\n", encoding="utf-8")
            result = tidy.main("format", name)
            if result == tidy.SKIPPED:
                self.skipTest("clang-format is missing")
            self.assertNotEqual(result, 0)


class Repository(unittest.TestCase):
    def test_breach_makes_the_program_fail(self):
        with tempfile.TemporaryDirectory() as name:
            top = pathlib.Path(name)
            (top / "unpacker/base").mkdir(parents=True)
            source = top / "unpacker/base/x.cc"
            source.write_text(SPDX, encoding="utf-8")
            self.assertEqual(tidy.main("includes", name), 0)
            self.assertEqual(tidy.main("sources", name), 0)
            source.write_text('#include "proto/a.pb.h"\n', encoding="utf-8")
            self.assertEqual(tidy.main("includes", name), 1)
            self.assertEqual(tidy.main("sources", name), 1)


if __name__ == "__main__":
    unittest.main()
