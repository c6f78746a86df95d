//! What `doctor` prints: a table, line by line as it comes, or JSON at the end.

use std::io::{self, Write};

use serde_json::{Value, json};

use super::check::Check;
use super::finding::{Ending, Finding};
use crate::cli::language::Tongue;
use crate::model::wording::Wording;

/// What is printed, and whether all is well.
pub(super) struct Output {
    tongue: Tongue,
    /// The parts of the JSON. None: a table is printed.
    json: Option<Vec<Value>>,
    has_failed: bool,
    to: Box<dyn Write>,
}

/// Width of the columns of steps and endings, in columns of the terminal.
const STEP_WIDTH: usize = 13;
const ENDING_WIDTH: usize = 9;

impl Output {
    pub(super) fn new(tongue: Tongue, as_json: bool, to: Box<dyn Write>) -> Self {
        Self { tongue, json: as_json.then(Vec::new), has_failed: false, to }
    }

    pub(super) fn has_failed(&self) -> bool {
        self.has_failed
    }

    /// Notes that something failed that is no step.
    pub(super) fn fail(&mut self) {
        self.has_failed = true;
    }

    /// Says something to people. With JSON it goes to standard error.
    pub(super) fn say(&mut self, wording: &Wording) {
        let text = self.tongue.pick(wording).to_owned();
        if self.json.is_some() {
            // Nobody has to read it.
            let _ = writeln!(io::stderr(), "{text}");
        } else {
            self.line(&text);
        }
    }

    /// Begins a section.
    pub(super) fn section(&mut self, kind: &Wording, name: &str, facts: &Value) {
        if let Some(sections) = &mut self.json {
            sections.push(json!({"about": facts, "steps": []}));
            return;
        }
        let title = format!("\n{} {name}", self.tongue.pick(kind));
        self.line(&title);
    }

    /// Shows a step.
    pub(super) fn show(&mut self, check: Check, finding: &Finding) {
        self.has_failed |= finding.ending == Ending::Failed;
        let tongue = self.tongue;
        if let Some(sections) = &mut self.json {
            let steps = sections.last_mut().and_then(|it| it["steps"].as_array_mut());
            if let Some(steps) = steps {
                steps.push(as_json(check, finding, tongue));
            }
            return;
        }
        let step = padded(tongue.pick(&check.label()), STEP_WIDTH);
        let ending = padded(tongue.pick(&finding.ending.label()), ENDING_WIDTH);
        self.line(&format!("  {step}{ending}{}", tongue.pick(&finding.detail)));
        let Some(advice) = &finding.advice else { return };
        let indent = " ".repeat(2 + STEP_WIDTH + ENDING_WIDTH);
        let (who, what) = (advice.who.label(), tongue.pick(&advice.what));
        self.line(&format!("{indent}-> {}: {what}", tongue.pick(&who)));
        if let Some(link) = &advice.link {
            self.line(&format!("{indent}   {link}"));
        }
    }

    /// Ends the output. `more` is what the JSON holds beside the sections.
    pub(super) fn end(&mut self, more: Value) {
        let Some(sections) = self.json.take() else { return };
        let mut whole = json!({"ok": !self.has_failed, "sections": sections});
        if let (Some(whole), Value::Object(more)) = (whole.as_object_mut(), more) {
            whole.extend(more);
        }
        self.line(&format!("{whole:#}"));
    }

    /// A reader that has gone away is no failure: the exit code says the same.
    fn line(&mut self, text: &str) {
        let _ = writeln!(self.to, "{text}");
        let _ = self.to.flush();
    }
}

fn as_json(check: Check, finding: &Finding, tongue: Tongue) -> Value {
    let mut step = json!({
        "step": check,
        "ending": finding.ending,
        "detail": tongue.pick(&finding.detail),
    });
    if let Some(advice) = &finding.advice {
        step["advice"] = json!({
            "who": advice.who,
            "what": tongue.pick(&advice.what),
            "link": advice.link,
        });
    }
    step
}

/// A text, filled up to this many columns. A Chinese character takes two.
fn padded(text: &str, width: usize) -> String {
    let taken: usize = text.chars().map(|it| if it >= '\u{2e80}' { 2 } else { 1 }).sum();
    format!("{text}{}", " ".repeat(width.saturating_sub(taken)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_both_languages_have_one_width() {
        for text in ["allow list", "IP 白名单", "TCP 连接", "群成员"] {
            let shown = padded(text, STEP_WIDTH);
            let wide = shown.chars().filter(|it| *it >= '\u{2e80}').count();
            assert_eq!(shown.chars().count() + wide, STEP_WIDTH, "{text}");
        }
    }
}
