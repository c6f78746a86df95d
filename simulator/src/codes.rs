//! The table of Feishu's codes, with the HTTP status and the text of each.

pub(crate) const INVALID_PARAMETER: i64 = 230_001;
pub(crate) const RECEIVER_LIMIT: i64 = 230_020;
pub(crate) const IN_PROGRESS: i64 = 230_049;
pub(crate) const INVALID_MESSAGE: i64 = 230_064;
pub(crate) const ALL_RECALLED: i64 = 230_065;
pub(crate) const NOT_MERGEABLE: i64 = 230_067;
pub(crate) const SEVERAL_CHATS: i64 = 230_069;
pub(crate) const APP_LIMIT: i64 = 99_991_400;
pub(crate) const TOKEN_MISSING: i64 = 99_991_661;
pub(crate) const TOKEN_INVALID: i64 = 99_991_663;
pub(crate) const USER_TOKEN_INVALID: i64 = 99_991_668;
pub(crate) const TOKEN_SHAPE: i64 = 99_991_671;
pub(crate) const FIELD_VALIDATION: i64 = 99_992_402;
pub(crate) const NOT_AN_ID: i64 = 99_992_354;
pub(crate) const APP_TOKEN_INVALID: i64 = 99_991_664;
pub(crate) const NOT_IN_TENANT: i64 = 99_991_673;
pub(crate) const WRONG_TICKET: i64 = 10_012;
pub(crate) const NOT_A_STORE_APP: i64 = 10_016;
pub(crate) const MALFORMED_APP: i64 = 10_003;
pub(crate) const WRONG_APP: i64 = 10_014;

/// The HTTP status of a code. It is 400 for an unknown code (guess).
pub(crate) fn status(code: i64) -> u16 {
    find(code).map_or(400, |(_, status, _)| *status)
}

/// The value of `msg` for a code.
pub(crate) fn msg(code: i64) -> &'static str {
    find(code).map_or("simulated error", |(_, _, msg)| msg)
}

/// Whether a code belongs to the token APIs. Their failures have a different format.
pub(crate) fn is_of_token_api(code: i64) -> bool {
    (10_000..11_000).contains(&code) || code == 99_991_543
}

fn find(code: i64) -> Option<&'static (i64, u16, &'static str)> {
    CODES.iter().find(|(known, _, _)| *known == code)
}

const INVALID_TOKEN_TEXT: &str =
    "Invalid access token for authorization. Please make a request with token attached.";

/// All known codes with their HTTP statuses and texts.
const CODES: &[(i64, u16, &str)] = &[
    // Codes of the documentation page of forward. Codes, statuses and texts: doc.
    (230_001, 400, "Your request contains an invalid request parameter."),
    (230_002, 400, "The bot can not be outside the group."),
    (230_006, 400, "Bot ability is not activated."),
    (230_013, 400, "Bot has NO availability to this user."),
    (230_018, 400, "These operations are NOT allowed at current group settings."),
    (230_019, 400, "The thread does NOT exist."),
    (230_020, 400, "This operation triggers the frequency limit."),
    (230_027, 400, "Lack of necessary permissions."),
    (230_029, 400, "User has resigned."),
    (230_034, 400, "The receive_id is invalid."),
    (230_035, 400, "Send Message Permission deny."),
    (230_036, 400, "Tenant crypt key has been deleted."),
    (230_038, 400, "Cross tenant p2p chat operate forbid."),
    (230_049, 400, "The message is being sent."),
    (230_050, 400, "The message is invisible to the operator."),
    (230_053, 400, "The user has stopped the bot from sending messages."),
    (230_061, 400, "The message type does not support forwarding."),
    (230_062, 400, "No permission to forward to third-party encryption group."),
    (230_063, 400, "The chat_id of group to forward is invalid."),
    (230_064, 400, "The message to be forwarded is invalid."),
    (230_065, 400, "The message to be forwarded has been recalled."),
    (
        230_066,
        400,
        "The message to be forwarded is in a secret group, forwarding is not supported.",
    ),
    (230_070, 400, "Forwarding of messages in restricted mode is not allowed."),
    (230_074, 400, "The target thread is invisible to the operator."),
    (230_110, 400, "Action unavailable as the message has been deleted."),
    (232_009, 400, "Your request specifies a chat which has already been dissolved."),
    // Codes of the documentation pages of merge_forward and of the forward of threads. Statuses and texts: doc.
    (230_067, 400, "The source of the messages to be merged and forwarded are not in compliance."),
    (230_069, 400, "Does not support forwarding messages from different groups."),
    (230_073, 400, "The thread is invisible to the operator."),
    // Codes that every API can return. The status and the text of 99991400 and the text of 99992402: doc. The status
    // and the text of 99991661, 99991663 and 99991668: seen. The other texts, and the statuses of the codes below
    // 100000: guess.
    (99_991_400, 429, "request trigger frequency limit"),
    (99_991_401, 400, "denied by the app's ip allow list"),
    (99_991_403, 429, "the tenant's monthly api quota is used up"),
    (
        99_991_661,
        400,
        "Missing access token for authorization. Please make a request with token attached.",
    ),
    (99_991_662, 400, "app not in use"),
    (99_991_663, 400, INVALID_TOKEN_TEXT),
    (99_991_664, 400, "invalid app access token"),
    (99_991_665, 400, "invalid tenant access token"),
    (99_991_668, 400, INVALID_TOKEN_TEXT),
    (99_991_671, 400, "Invalid access token for authorization. It must start with t- or u-."),
    (
        99_991_672,
        400,
        "Access denied. One of the following scopes is required: [im:message, im:message:send_as_bot].",
    ),
    (99_991_673, 400, "app not available in this tenant"),
    (99_991_676, 400, "the token lacks a permission"),
    (
        99_991_679,
        400,
        "Unauthorized. You do not have permission to perform the requested operation.",
    ),
    (99_992_402, 400, "field validation failed"),
    (
        99_992_354,
        400,
        "The request you send is not a valid {message_id} or not exists, example value: om_dc13264520392913993dd051dba21dcf",
    ),
    // Codes of Feishu's table of general codes. Codes and texts: doc. HTTP 400: doc, on the pages that give a status.
    (99_992_351, 400, "these open ids not existed"),
    (99_992_352, 400, "these lark ids not existed"),
    (99_992_353, 400, "these lark ids not existed"),
    (99_992_355, 400, "these lark ids not existed"),
    (99_992_356, 400, "these open_chat ids not existed"),
    (99_992_359, 400, "these user ids not existed"),
    (99_992_360, 400, "these ids not existed"),
    (99_992_361, 400, "open_id cross app"),
    (99_992_363, 400, "these ids not existed"),
    (99_992_364, 400, "these ids not existed / user id cross tenant"),
    (99_992_381, 400, "union_id cross tenant"),
    (212_100, 400, "the app is not installed"),
    (18_121, 400, "the same request is still being processed"),
    (11_232, 400, "create message trigger rate limit"),
    (11_233, 400, "create message chat trigger rate limit"),
    (11_247, 400, "internal send message trigger rate limit"),
    (1_500, 500, "internal error"),
    (1_663, 500, "internal error"),
    (2_200, 500, "internal error"),
    (5_000, 500, "internal error"),
    (55_001, 500, "server internal error"),
    // Codes of the token APIs. HTTP 200, and the texts of 10003 and 10014: seen. The other texts: guess.
    (10_003, 200, "invalid param"),
    (10_005, 200, "app not authorised"),
    (10_012, 200, "get app access token failed"),
    (10_013, 200, "get tenant access token failed"),
    (10_014, 200, "app secret invalid"),
    (10_015, 200, "app secret invalid"),
    (10_016, 200, "app ticket can be resent only for a store app"),
    (99_991_543, 200, "app_id or app_secret does not exist"),
];
