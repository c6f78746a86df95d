"""The check itself, with made-up documents."""

import contextlib
import copy
import io
import json
import os
import pathlib
import tempfile
import unittest

import breaking

PROBLEM = {
    "type": "object",
    "required": ["code"],
    "properties": {
        "code": {"type": "string", "enum": ["too_late", "too_early"]},
        "uuid": {"type": "string"},
    },
}
ANSWER = {"description": "No.", "content": {"application/json": {"schema": PROBLEM}}}
DOCUMENT = {
    "openapi": "3.1.0",
    "info": {"title": "made up", "version": "1.0.0"},
    "paths": {"/tea": {"post": {"responses": {"200": ANSWER, "403": ANSWER}}}},
}


class Breaking(unittest.TestCase):
    def check(self, change, changelog="", document=DOCUMENT):
        """The exit code after a change of a document, and what is said."""
        present = copy.deepcopy(document)
        change(present["paths"]["/tea"])
        with tempfile.TemporaryDirectory() as folder:
            files = [pathlib.Path(folder, name) for name in ("earlier", "present", "CHANGELOG.md")]
            texts = [json.dumps(document), json.dumps(present), changelog]
            for file, text in zip(files, texts):
                file.write_text(text)
            with contextlib.redirect_stdout(io.StringIO()) as said:
                code = breaking.main(os.environ["OASDIFF"], *map(str, files))
        return code, said.getvalue()

    def test_what_did_not_change_passes(self):
        self.assertEqual(self.check(lambda tea: None), (0, ""))

    def test_a_removed_field_fails_and_is_named(self):
        for field, rule in (("code", "response-required-property-removed"), ("uuid", "response-optional-property-removed")):
            code, said = self.check(removed(field))
            self.assertEqual(code, 1)
            # Once, though both answers have it.
            self.assertEqual(said.count(f"- `POST /tea` `{rule}` `{field}`"), 1, said)

    def test_a_removed_field_passes_when_the_changelog_names_it(self):
        _, said = self.check(removed("uuid"))
        entry = said[said.index("- `POST") :].replace("…", "read\n  the code.")
        unreleased = "# Changelog\n\n## Unreleased\n\n### Breaking\n\n{}\n\n### Added\n\n- Tea.\n\n## 1.0.0\n"
        self.assertEqual(self.check(removed("uuid"), unreleased.format(entry)), (0, ""))
        # Not another field, nor one of an earlier release.
        self.assertEqual(self.check(removed("code"), unreleased.format(entry))[0], 1)
        earlier = unreleased.format("") + "\n### Breaking\n\n" + entry
        self.assertEqual(self.check(removed("uuid"), earlier)[0], 1)

    def test_a_new_optional_parameter_passes_and_a_required_one_fails(self):
        for required, expected in ((False, 0), (True, 1)):
            parameter = {"name": "sugar", "in": "query", "required": required, "schema": {"type": "string"}}
            code, _ = self.check(lambda tea: tea["post"].update(parameters=[parameter]))
            self.assertEqual(code, expected)

    def test_a_new_problem_code_and_a_new_field_pass(self):
        def grow(tea):
            schema = tea["post"]["responses"]["403"]["content"]["application/json"]["schema"]
            schema["properties"]["code"]["enum"].append("too_cold")
            schema["properties"]["remedy"] = {"type": "string"}

        self.assertEqual(self.check(grow), (0, ""))

    def test_a_deprecation_passes_and_what_was_deprecated_must_not_go_unnamed(self):
        self.assertEqual(self.check(deprecate), (0, ""))
        deprecated = copy.deepcopy(DOCUMENT)
        deprecate(deprecated["paths"]["/tea"])
        for document in (DOCUMENT, deprecated):
            code, said = self.check(lambda tea: tea.pop("post"), document=document)
            self.assertEqual(code, 1)
            self.assertIn("- `POST /tea` ", said)


def deprecate(tea):
    tea["post"]["deprecated"] = True


def removed(field):
    def change(tea):
        for answer in tea["post"]["responses"].values():
            schema = answer["content"]["application/json"]["schema"]
            schema["properties"].pop(field, None)
            schema["required"] = [name for name in schema["required"] if name != field]

    return change


if __name__ == "__main__":
    unittest.main()
