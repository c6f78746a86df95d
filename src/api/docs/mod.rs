//! The pages that the gateway serves: the start page, the console, Swagger UI, a page for each problem, and the list of
//! what is on the admin listener.

pub(crate) mod admin_index;
pub(crate) mod console;
pub(crate) mod document;
pub(crate) mod home;
pub(crate) mod page;
pub(crate) mod problems;
pub(crate) mod reader;
pub(crate) mod swagger_page;
pub(crate) mod swagger_ui;
