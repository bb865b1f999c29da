//! Answers: event streams, filtered lists, tasks, and message endpoints.

pub mod answer_of;
pub mod event_ids;
pub mod event_stream;
pub mod list_filter;
pub mod list_guard;
pub mod lists;
pub mod message_endpoint;
pub mod moved;
pub mod server_origin;
pub mod sse;
pub mod task;
pub mod task_search;
