//! What people and programs read: the start page, Swagger UI, the pages of the problems.

pub(crate) mod home;
pub(crate) mod page;
pub(crate) mod problems;
pub(crate) mod reader;
pub(crate) mod swagger_ui;
