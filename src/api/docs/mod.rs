//! The pages that the gateway serves: the start page, the console, Swagger UI, and a page for each problem.

pub(crate) mod console;
pub(crate) mod home;
pub(crate) mod page;
pub(crate) mod problems;
pub(crate) mod reader;
pub(crate) mod swagger_page;
pub(crate) mod swagger_ui;
