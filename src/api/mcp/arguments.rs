//! The arguments of a tool, read one by one, and every mistake in them at once.

use rmcp::model::JsonObject;
use serde_json::Value;

use crate::api::input::mistakes::Mistakes;
use crate::api::mcp::receivers;
use crate::api::problems::problem::{InvalidField, Problem};
use crate::api::sanitize;
use crate::model::idempotency_key::IdempotencyKey;
use crate::model::receiver::{ReceiveIdType, Receiver};
use crate::model::wording::Wording;

/// The arguments of one call, without those that were read.
pub(super) struct Arguments {
    left: JsonObject,
    /// The names that were asked for, which are those that there are.
    known: Vec<&'static str>,
    mistakes: Mistakes,
}

impl Arguments {
    pub(super) fn new(arguments: JsonObject) -> Self {
        Self { left: arguments, known: Vec::new(), mistakes: Mistakes::default() }
    }

    /// An argument of any type. One that is null is left out: models write optional ones so.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.left.remove(name).filter(|it| !it.is_null())
    }

    /// An argument that is a text, if it is there.
    pub(super) fn text(&mut self, name: &'static str) -> Option<String> {
        if let Value::String(text) = self.value(name)? {
            return Some(text);
        }
        self.mistakes.add(name, Wording::new("must be a string", "必须是字符串"));
        None
    }

    /// An argument that is a text and must be there.
    pub(super) fn required_text(&mut self, name: &'static str) -> Option<String> {
        if self.left.get(name).is_none_or(Value::is_null) {
            self.missing(name);
        }
        self.text(name)
    }

    /// An argument that is a whole number from 0 to `most`.
    pub(super) fn number(&mut self, name: &'static str, most: u64) -> Option<u64> {
        let value = self.value(name)?;
        // Some models write `5.0` for 5.
        let whole = value.as_u64().or_else(|| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a number that is not whole and small is refused below"
            )]
            value
                .as_f64()
                .filter(|it| it.fract() == 0.0 && (0.0..1e9).contains(it))
                .map(|it| it as u64)
        });
        let fits = whole.filter(|it| *it <= most);
        if fits.is_none() {
            let detail = Wording::new(
                format!("must be a whole number from 0 to {most}"),
                format!("必须是 0 到 {most} 之间的整数"),
            );
            self.mistakes.add(name, detail);
        }
        fits
    }

    /// The receiver that `receive_id` and `receive_id_type` name.
    pub(super) fn receiver(&mut self) -> Option<Receiver> {
        let id = self.required_text("receive_id");
        let kind = match self.text("receive_id_type") {
            None => None,
            Some(kind) => Some(self.keep("receive_id_type", ReceiveIdType::parse(&kind))?),
        };
        self.keep("receive_id", receivers::parse(&id?, kind))
    }

    /// The caller's own key, if it gave one.
    pub(super) fn idempotency_key(&mut self) -> Option<IdempotencyKey> {
        let key = self.text("idempotency_key")?;
        self.keep("idempotency_key", IdempotencyKey::parse(&key))
    }

    /// Notes that an argument is not there.
    pub(super) fn missing(&mut self, name: &'static str) {
        self.mistakes.add(name, Wording::new("is missing", "缺失"));
    }

    /// The value, or none after its error was noted as a mistake in this argument.
    pub(super) fn keep<T>(&mut self, name: &str, result: Result<T, Wording>) -> Option<T> {
        self.mistakes.keep(name, result)
    }

    /// Every mistake in the arguments. One that was not asked for is one, as it may be a typo of one that changes where
    /// a message goes.
    pub(super) fn into_mistakes(mut self) -> Vec<InvalidField> {
        let known = self.known.join(", ");
        for name in self.left.keys() {
            let detail = Wording::new(
                format!("is not an argument of this tool; known arguments: {known}"),
                format!("不是此工具的参数；可用参数：{known}"),
            );
            self.mistakes.add(sanitize::name(name), detail);
        }
        self.mistakes.into_fields()
    }

    /// Fails with every mistake in the arguments, if there is one.
    pub(super) fn finish(self) -> Result<(), Problem> {
        let mistakes = self.into_mistakes();
        if mistakes.is_empty() { Ok(()) } else { Err(Problem::invalid(mistakes)) }
    }
}
