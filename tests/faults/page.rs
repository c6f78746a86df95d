//! `docs/en/design/faults.md`: written from what was seen, and compared with what it is.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

use feishu_simulator::Duplicate;

use crate::Results;
use crate::table::{ALL, Entry, Section, When};

/// Where this is set, the page is written instead of compared.
const WRITE: &str = "WRITE_FAULTS";

const HEAD: &str = "\
# What becomes of a forward when something goes wrong

`make faults` writes this page from what it sees, and `make test` fails where the page says anything
else. Each line is a forward through the real gateway to the simulated Feishu, whose ledger says what
really was delivered. All settings are as by default, but 2 messages a second for a receiver instead
of 5, so that attempts have to wait for their turn. For each line the tests check that

- *delivered* means exactly one message, *not delivered* none, and *unknown* none or one;
- all attempts carry one `uuid`, and after an *unknown* a repetition with the problem's `uuid` ends in
  exactly one message, unless Feishu's hour is over and the problem says so;
- no span of a second, guard included, has more than those 2 attempts to the receiver;
- no secret is in the log, and the audit log has the outcome that the caller heard.

**When** the fault strikes: before the request is read by anybody; after it was written, but before
Feishu commits, that is, before the message counts as forwarded; after Feishu committed, so that only
the answer suffers; or in the middle of the answer. **To a repetition** Feishu says one of three things
where an earlier attempt has delivered the message already: success with the *first id*, success with
*another id*, or 230049, that the message is *in progress*. What it really says is not documented.
**Attempts** are calls of the forward API; *several* where random pauses decide how many fit.
";

const COLUMNS: &str = "\
| fault | when | how often | to a repetition | attempts | answer | outcome | messages |
|---|---|---|---|---|---|---|---|
";

/// The whole page.
pub(crate) fn write(sections: &[(&Section, Vec<Results>)]) -> String {
    let mut page = HEAD.to_owned();
    for (section, results) in sections {
        let _ = write!(page, "\n## {}\n\n{}\n\n{COLUMNS}", section.title, section.about);
        let mut results = results.iter();
        for entry in &section.entries {
            match entry {
                Entry::Row(row) => {
                    let seen = results.next().expect("a row has results");
                    page.push_str(&lines(&row.to_string(), seen));
                }
                Entry::LeftOut { fault, when, why } => {
                    let when: Vec<String> = when.iter().map(When::to_string).collect();
                    let when = when.join(", ");
                    let _ = writeln!(page, "| {fault} | {when} | *left out: {why}* | | | | | |");
                }
            }
        }
    }
    page
}

/// A row's lines: one, if Feishu's word to a repetition makes no difference.
fn lines(row: &str, results: &Results) -> String {
    let mut lines = String::new();
    let mut told: Vec<&_> = Vec::new();
    for (_, seen) in results {
        if told.contains(&seen) {
            continue;
        }
        told.push(seen);
        let same = results.iter().filter(|(_, it)| it == seen).map(|(duplicate, _)| *duplicate);
        let same = names(&same.collect::<Vec<_>>(), results.len());
        let attempts = seen.attempts.map_or("several".to_owned(), |number| number.to_string());
        let (answer, delivered) = (&seen.answer, seen.delivered);
        let _ = writeln!(lines, "| {row} | {same} | {attempts} | {answer} | {delivered} |");
    }
    lines
}

fn names(same: &[Duplicate], of: usize) -> String {
    if of == 1 {
        return "—".to_owned();
    }
    if same.len() == ALL.len() {
        return "any".to_owned();
    }
    let name = |duplicate: &Duplicate| match duplicate {
        Duplicate::OriginalId => "first id",
        Duplicate::AnotherId => "another id",
        Duplicate::InProgress => "in progress",
    };
    same.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Writes the page where it shall be written, else fails if it is not what it should be.
pub(crate) fn check(page: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/en/design/faults.md");
    if env::var_os(WRITE).is_some() {
        return fs::write(&path, page).expect("docs/en/design/faults.md can be written");
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    let mut lines = written.lines().chain([""]).zip(page.lines().chain([""]));
    let difference = lines.find(|(is, should)| is != should);
    assert!(
        written == page,
        "docs/en/design/faults.md is not what happens; the first line and what it should be: \
            {difference:#?}\nWrite it anew with `make faults`, and look at the difference."
    );
}
