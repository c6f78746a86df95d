//! The values that a request is parsed into, each made and dropped.

use std::hint::black_box;

use feishu_forward_gateway::model::dedup_key::DedupKey;
use feishu_forward_gateway::model::message_id::MessageId;
use feishu_forward_gateway::model::receiver::Receiver;

pub(crate) fn receiver() {
    let _ = black_box(Receiver::parse(black_box("oc_5ad11d72b830411d72b836c20"), None));
}

pub(crate) fn message_id() {
    let _ = black_box(MessageId::parse(black_box("om_dc13264520392913993dd051dba21dcf")));
}

pub(crate) fn new_uuid() {
    black_box(DedupKey::generate());
}
