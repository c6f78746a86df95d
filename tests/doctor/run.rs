//! Runs `doctor`, and reads what it says.

use std::process::Output;

use feishu_simulator::{Fault, Options, Settings, Simulator};
use gateway_harness::run_program;
use serde_json::Value;

/// The app's secret: not a word that could stand in an answer by chance.
pub(crate) const SECRET: &str = "S3cr3t-of-main-kd92hf7";
/// The app's id.
pub(crate) const APP: &str = "cli_main";

/// What `doctor` said.
pub(crate) struct Said {
    pub(crate) exit_code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A simulator that knows the app, with these settings.
pub(crate) async fn feishu(change: impl FnOnce(&mut Settings)) -> Simulator {
    let mut settings = Settings::default();
    change(&mut settings);
    let app = feishu_simulator::App::new(APP, SECRET);
    let options = Options { apps: vec![app], settings, ..Options::default() };
    Simulator::start(options).await.expect("a free port")
}

/// Runs `doctor` with these arguments and variables besides those of the app.
pub(crate) async fn doctor(base_url: &str, arguments: &[&str], more: &[(&str, &str)]) -> Said {
    let mut variables = vec![
        ("GATEWAY__FEISHU__BASE_URL", base_url),
        ("GATEWAY__APPS__MAIN__APP_ID", APP),
        ("GATEWAY__APPS__MAIN__APP_SECRET", SECRET),
    ];
    variables.retain(|(name, _)| more.iter().all(|(known, _)| known != name));
    variables.extend(more);
    let owned: Vec<(String, String)> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let arguments: Vec<String> =
        ["doctor"].iter().chain(arguments).map(|it| (*it).to_owned()).collect();
    // On another thread, because the simulator runs on this one.
    let run = move || {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let variables: Vec<(&str, &str)> =
            owned.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        run_program(&arguments, &variables)
    };
    let said = Said::of(tokio::task::spawn_blocking(run).await.expect("it does not panic"));
    for secret in [SECRET, "Bearer"] {
        assert!(!said.stdout.contains(secret) && !said.stderr.contains(secret), "{}", said.stdout);
    }
    said
}

/// Runs `doctor --json` against this simulator.
pub(crate) async fn examined(simulator: &Simulator, arguments: &[&str]) -> Said {
    doctor(&simulator.url(), &[&["--json"], arguments].concat(), &[]).await
}

/// Has these faults strike.
pub(crate) fn spoil(simulator: &Simulator, faults: impl IntoIterator<Item = Fault>) {
    faults.into_iter().for_each(|fault| simulator.add_fault(fault));
}

impl Said {
    fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Self {
            exit_code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// The JSON that was printed.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}{}", self.stdout, self.stderr))
    }

    /// A step, by its name.
    pub(crate) fn step(&self, name: &str) -> Value {
        let whole = self.json();
        let sections = whole["sections"].as_array().expect("sections");
        let mut steps = sections.iter().flat_map(|it| it["steps"].as_array().expect("steps"));
        let step = steps.find(|step| step["step"] == name);
        step.unwrap_or_else(|| panic!("no step {name}: {whole:#}")).clone()
    }

    /// How a step ended.
    pub(crate) fn ending(&self, name: &str) -> String {
        self.step(name)["ending"].as_str().expect("a text").to_owned()
    }

    /// Asserts that a step ended so, and what its detail and its advice hold.
    pub(crate) fn assert_step(&self, name: &str, ending: &str, detail: &str, advice: [&str; 2]) {
        let step = self.step(name);
        let [who, link] = advice;
        assert_eq!(step["ending"], ending, "{step:#}");
        let said = step["detail"].as_str().expect("a text");
        assert!(said.contains(detail), "{detail:?}: {step:#}");
        assert_eq!(step["advice"]["who"].as_str().unwrap_or_default(), who, "{step:#}");
        let page = step["advice"]["link"].as_str().unwrap_or_default();
        assert!(page.contains(link) && page.is_empty() == link.is_empty(), "{step:#}");
    }
}
