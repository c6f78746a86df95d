//! How values are written in columns. What is no valid value is an error of the query that reads it.

use std::time::Duration;

use jiff::Timestamp;
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};

use crate::broadcasts::broadcast::{ReceiverState, State};
use crate::model::broadcast_id::BroadcastId;
use crate::model::message_id::MessageId;
use crate::model::problem_kind::ProblemKind;
use crate::model::receiver::ReceiveIdType;
use crate::model::tenant_key::TenantKey;

/// A time, in whole milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Millis(pub(super) Timestamp);

impl Millis {
    /// So much later.
    pub(super) fn after(self, pause: Duration) -> Self {
        self.0.saturating_add(pause).unwrap_or(Timestamp::MAX).into()
    }

    /// So much earlier.
    pub(super) fn before(self, age: Duration) -> Self {
        self.0.saturating_sub(age).unwrap_or(Timestamp::MIN).into()
    }
}

impl From<Timestamp> for Millis {
    fn from(time: Timestamp) -> Self {
        // The last milliseconds that jiff can represent are none that it takes.
        let millis = Timestamp::from_millisecond(time.as_millisecond());
        let seconds = || Timestamp::from_second(time.as_second());
        Self(millis.or_else(|_| seconds()).unwrap_or(time))
    }
}

impl ToSql for Millis {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.0.as_millisecond().into())
    }
}

impl FromSql for Millis {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let millis = value.as_i64()?;
        let time = Timestamp::from_millisecond(millis);
        time.map(Self).map_err(|_| FromSqlError::OutOfRange(millis))
    }
}

/// The value at the place that a column names.
fn at<T: Copy>(all: &[T], value: ValueRef<'_>) -> FromSqlResult<T> {
    let place = value.as_i64()?;
    let found = usize::try_from(place).ok().and_then(|it| all.get(it));
    found.copied().ok_or(FromSqlError::OutOfRange(place))
}

impl FromSql for State {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        at(&Self::ALL, value)
    }
}

impl ToSql for State {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as u8).into())
    }
}

impl FromSql for ReceiverState {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        at(&Self::ALL, value)
    }
}

impl ToSql for ReceiverState {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as u8).into())
    }
}

impl FromSql for ReceiveIdType {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        at(&Self::ALL, value)
    }
}

impl ToSql for ReceiveIdType {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok((*self as u8).into())
    }
}

impl FromSql for BroadcastId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for BroadcastId {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for TenantKey {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).ok_or(FromSqlError::InvalidType)
    }
}

impl ToSql for TenantKey {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.as_str().into())
    }
}

impl FromSql for MessageId {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        Self::parse(value.as_str()?).map_err(|_| FromSqlError::InvalidType)
    }
}

impl FromSql for ProblemKind {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let name = value.as_str()?;
        let kind = Self::ALL.iter().find(|it| it.facts().name == name);
        // It may be one of a later version.
        Ok(kind.copied().unwrap_or(Self::InternalError))
    }
}

impl ToSql for ProblemKind {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(self.facts().name.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(values: &[impl ToSql]) -> Vec<i64> {
        let number = |it: &_| match ToSql::to_sql(it) {
            Ok(ToSqlOutput::Owned(rusqlite::types::Value::Integer(number))) => number,
            other => panic!("{other:?} is no number"),
        };
        values.iter().map(number).collect()
    }

    #[test]
    fn the_numbers_of_states_are_those_that_the_schema_names() {
        use ReceiveIdType::*;
        use ReceiverState::{
            Canceled, Delivered, Expired, InDoubt, NotDelivered, Pending, Unknown,
        };
        let states = [Pending, InDoubt, Delivered, NotDelivered, Unknown, Canceled, Expired];
        assert_eq!(numbers(&states), [0, 1, 2, 3, 4, 5, 6]);
        let states = [State::Running, State::Paused, State::Completed, State::Canceled];
        assert_eq!(numbers(&states), [0, 1, 2, 3]);
        let kinds = [OpenId, UserId, UnionId, Email, ChatId, ThreadId];
        assert_eq!(numbers(&kinds), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn every_time_can_be_read_again() {
        for time in [Timestamp::MIN, Timestamp::UNIX_EPOCH, Timestamp::MAX] {
            let millis = Millis::from(time);
            let value = ValueRef::Integer(numbers(&[millis])[0]);
            assert_eq!(Millis::column_result(value), Ok(millis));
        }
    }

    #[test]
    fn a_problem_that_is_not_known_is_an_internal_error() {
        let read = |name: &str| ProblemKind::column_result(ValueRef::Text(name.as_bytes()));
        assert_eq!(read("bot_not_in_chat"), Ok(ProblemKind::BotNotInChat));
        assert_eq!(read("of_a_later_version"), Ok(ProblemKind::InternalError));
    }
}
