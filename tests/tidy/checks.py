# SPDX-License-Identifier: Apache-2.0
"""Checks of one source file. Each takes its path from the top and its text, and gives findings as
"path:line: what". tidy.py runs them over the repository, canary_test.py over bad snippets."""

import re

import rules

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME)\b(?!\(#\d+\))") # split: it is none itself
NOT_A_FUNCTION = re.compile(
    r"^(if|for|while|switch|catch|do|else|namespace|class|struct|enum|union|extern|return)\b")
LITERAL = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|//[^\n]*|/\*.*?\*/',
                     re.DOTALL)


def folder_of(path):
    """The row of rules.INCLUDES for a path, or None."""
    fits = [folder for folder in rules.INCLUDES if path.startswith(folder + "/")]
    return max(fits, key=len, default=None)


def is_only_elsewhere(name, path):
    for header, homes in rules.ONLY_IN.items():
        fits = name.endswith(header[1:]) if header.startswith("*") else name.startswith(header)
        if fits and not any(path.startswith(home) for home in homes):
            return True
    return False


def check_includes(path, text):
    """Each include goes in the allowed direction."""
    folder = folder_of(path)
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quote, name = match.groups()
        where = f"{path}:{number}: "
        if is_only_elsewhere(name, path):
            yield where + f"{name} may not be included here"
        if quote != '"':
            continue
        if folder is None:
            yield where + "no row of rules.INCLUDES says what this folder may include"
        elif not any(name.startswith(prefix) for prefix in rules.INCLUDES[folder]) or any(
                name.startswith(prefix) for prefix in rules.FORBIDDEN.get(folder, [])):
            yield where + f"{folder} may not include {name}"


def check_licence(path, text):
    lines = text.splitlines()[:2]
    if lines and lines[0].startswith("#!"):
        lines = lines[1:]
    if not lines or rules.SPDX not in lines[0]:
        yield f"{path}:1: no line \"{rules.SPDX}\""


def check_unfinished(path, text):
    for number, line in enumerate(text.splitlines(), 1):
        if UNFINISHED.search(line):
            yield f"{path}:{number}: work for later without an issue, such as (#12)"


def check_file_length(path, text):
    count = len(text.splitlines())
    if count > rules.FILE_LINES_MAX and path not in rules.LONG_FILES:
        yield f"{path}:1: {count} lines, more than {rules.FILE_LINES_MAX}"


def blanked(text):
    """The text with comments, literals and preprocessor lines emptied, its lines kept."""
    def blank(match):
        return re.sub(r"[^\n]", " ", match.group(0))
    text = LITERAL.sub(blank, text)
    return re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", blank, text, flags=re.MULTILINE)


def is_function(head):
    head = re.sub(r"^(?:\w+:\s+)+", "", head.strip()) # labels such as "public:"
    return "(" in head and not NOT_A_FUNCTION.match(head) and not head.endswith(("=", ",", "("))


def functions(text):
    """(first line, last line) of each function, its head included; lambdas count too. A brace
    right after a name initialises: clang-format puts a blank before all others."""
    stack = []
    head, head_line = "", 1
    parentheses = 0
    line = 1
    last = " "
    for char in blanked(text):
        if char == "\n":
            line += 1
        if char in "()":
            parentheses += 1 if char == "(" else -1
        if char == "{":
            stack.append((head, head_line, parentheses, last.isalnum() or last in "_>"))
            head, parentheses = "", 0
        elif char == "}" and stack:
            opened, first, parentheses, is_initializer = stack.pop()
            if is_initializer:
                head, head_line = opened, first
            else:
                head = ""
                if is_function(opened):
                    yield first, line
        elif char == ";" and parentheses == 0:
            head = ""
        else:
            if not head.strip():
                head_line = line
            head += char
        last = char


def check_function_length(path, text):
    for first, last in functions(text):
        count = last - first + 1
        if count > rules.FUNCTION_LINES_MAX:
            yield f"{path}:{first}: function of {count} lines, more than {rules.FUNCTION_LINES_MAX}"


def check_source(path, text):
    """Everything but includes and format."""
    if path.endswith(rules.SPDX_IN):
        yield from check_licence(path, text)
        yield from check_unfinished(path, text)
        yield from check_file_length(path, text)
    if path.endswith((".cc", ".h")):
        yield from check_function_length(path, text)
