//! The report of a probe, which can be sent to the project. It holds no secret, and no id of an app, a message, a
//! receiver or a call.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::lesson::Lesson;
use crate::model::wording::Wording;
use crate::telemetry::metrics::VERSION;

/// The report of a probe.
pub(in crate::cli::doctor) struct ProbeReport<'a> {
    /// `feishu`, `lark`, or `other` for an address that may be a secret.
    pub(in crate::cli::doctor) feishu: &'static str,
    /// The day, such as `2026-11-27`.
    pub(in crate::cli::doctor) day: String,
    pub(in crate::cli::doctor) lessons: &'a [Lesson],
}

impl ProbeReport<'_> {
    /// The text of the file at this path: JSON where its name ends in `.json`, else Markdown.
    pub(in crate::cli::doctor) fn text_for(&self, path: &Path) -> String {
        let is_json = path.extension().is_some_and(|it| it.eq_ignore_ascii_case("json"));
        if is_json { format!("{:#}\n", self.json()) } else { self.markdown() }
    }

    pub(in crate::cli::doctor) fn json(&self) -> Value {
        let experiments: Vec<Value> = self
            .lessons
            .iter()
            .map(|it| {
                let answer = json!({"en": it.answer.en, "zh": it.answer.zh});
                json!({"experiment": it.name, "answer": answer, "evidence": it.evidence})
            })
            .collect();
        json!({
            "version": VERSION,
            "feishu": self.feishu,
            "day": self.day,
            "experiments": experiments,
            "simulator_settings": self.settings(),
        })
    }

    /// The settings with which the simulator does what was seen. Of two lessons about one setting the first one counts.
    fn settings(&self) -> Map<String, Value> {
        let mut all = Map::new();
        for (name, value) in self.lessons.iter().flat_map(|it| &it.settings) {
            all.entry(name.clone()).or_insert_with(|| value.clone());
        }
        all
    }

    /// The settings as a simulator, also that of `dev`, takes them.
    pub(in crate::cli::doctor) fn command(&self) -> Wording {
        let settings = Value::Object(self.settings());
        let line = format!("  curl -X PATCH $SIMULATOR/_simulator/settings -d '{settings}'");
        Wording::new(
            format!(
                "To make a simulator behave like this ($SIMULATOR is the address that `dev` prints):\n{line}"
            ),
            format!("用以下设置可以让模拟器表现相同（SIMULATOR 是 `dev` 打印的地址）：\n{line}"),
        )
    }

    fn markdown(&self) -> String {
        let mut text = format!(
            "# What a probe of Feishu found\n\nfeishu-forward-gateway {VERSION}, {}, {}. This report contains no secret and no id of an app, a message or a\nreceiver.\n\n| experiment | answer |\n|---|---|\n",
            self.feishu, self.day
        );
        for lesson in self.lessons {
            let _ = writeln!(text, "| `{}` | {} |", lesson.name, lesson.answer.en);
        }
        let _ = write!(text, "\n{}\n\n## Evidence\n\n```json\n", self.command().en);
        for lesson in self.lessons {
            let _ = writeln!(text, "{}", json!({lesson.name: lesson.evidence}));
        }
        text.push_str("```\n");
        text
    }
}
