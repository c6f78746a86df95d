//! Runs the probe behind an examination: asks whether it may, says what it learns, and writes the report.

use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::{Value, json};
use url::Url;

use super::examination::Examination;
use super::output::Output;
use super::probe::{self, Lab, Lesson, ProbeReport};
use super::real_forward::Errand;
use super::route::Route;
use crate::cli::language::Tongue;
use crate::clock::Clock;
use crate::model::wording::Wording;

/// A probe that was agreed to.
pub(super) struct Probing {
    patience: Duration,
    /// Where the report goes. It is opened before the first call, so that no experiment is made in vain.
    report: Option<(PathBuf, File)>,
}

/// Says what the probe does, and asks whether it may. Whoever is no terminal does not agree.
pub(super) fn ask(tongue: Tongue, patience: Duration) -> bool {
    let announcement = probe::announcement(patience);
    let question = Wording::new("Continue? Type yes: ", "是否继续？请输入 yes：");
    let mut error = io::stderr();
    let said = write!(error, "{}\n{}", tongue.pick(&announcement), tongue.pick(&question));
    let mut answer = String::new();
    if said.and_then(|()| error.flush()).is_err() || !io::stdin().is_terminal() {
        return false;
    }
    io::stdin().read_line(&mut answer).is_ok() && answer.trim() == "yes"
}

impl Probing {
    pub(super) fn new(patience: Duration, report: Option<&Path>) -> io::Result<Self> {
        let open = |path: &Path| Ok::<_, io::Error>((path.to_owned(), File::create(path)?));
        Ok(Self { patience, report: report.map(open).transpose()? })
    }

    /// Runs the probe. Returns what it learned, for the JSON.
    pub(super) async fn run(
        self,
        output: &mut Output,
        examination: &Examination<'_>,
        token: &HeaderValue,
        errand: &Errand,
    ) -> Value {
        let Examination { options, clock, caller, .. } = *examination;
        let lab = Lab {
            caller,
            clock,
            route: &Route::to(&options.base_url),
            token,
            errand,
            patience: self.patience,
        };
        output.say(&Wording::new("", ""));
        output.say(&probe::announcement(self.patience));
        output.say(&Wording::new("\nResults:", "\n结果："));
        let lessons = probe::run(&lab, |lesson| output.say(&line(lesson))).await;
        let report =
            ProbeReport { feishu: name_of(&options.base_url), day: day(clock), lessons: &lessons };
        output.say(&report.command());
        if let Some((path, mut file)) = self.report {
            let said = match file.write_all(report.text_for(&path).as_bytes()) {
                Ok(()) => Wording::new(
                    format!(
                        "The report is in {}. It contains no secret and no id.",
                        path.display()
                    ),
                    format!("报告已写入 {}，不含密钥与 ID。", path.display()),
                ),
                Err(error) => {
                    output.fail();
                    Wording::new(
                        format!("The report could not be written: {error}"),
                        format!("报告写入失败：{error}"),
                    )
                }
            };
            output.say(&said);
        }
        json!({"probe": report.json()})
    }
}

fn line(lesson: &Lesson) -> Wording {
    let name = lesson.name();
    Wording::new(
        format!("  {name:<24}{}", lesson.answer().en),
        format!("  {name:<24}{}", lesson.answer().zh),
    )
}

/// A name that tells Feishu from Lark, and keeps any other address to itself.
fn name_of(base_url: &Url) -> &'static str {
    match base_url.host_str() {
        Some("open.feishu.cn") => "feishu",
        Some("open.larksuite.com") => "lark",
        _ => "other",
    }
}

fn day(clock: &Clock) -> String {
    clock.wall().strftime("%Y-%m-%d").to_string()
}
