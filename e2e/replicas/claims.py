"""What a scenario claims, and whether it is so."""


class Claims:
    def __init__(self, scenario):
        self.all_hold = True
        self._lines = [f"== {scenario}"]

    def that(self, claim, holds, figure=""):
        """Returns whether it holds."""
        self.all_hold &= bool(holds)
        self._lines.append(f"  {'ok' if holds else 'not so'}: {claim}" + (f" ({figure})" if figure != "" else ""))
        return holds

    def note(self, *lines):
        self._lines += [f"      {line}" for line in lines]

    def __str__(self):
        return "\n".join(self._lines)
