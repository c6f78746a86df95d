//! The table of problems, with one row for each problem code. Answers, help pages and the OpenAPI document take
//! their texts from it.

use super::facts::FixBy::{Caller, ChatAdmin, Nobody, Operator, Receiver, TenantAdmin};
use super::facts::Outcome::{NotDelivered, Unknown};
use super::facts::{Facts, Remedy};
use super::kind::ProblemKind::{self, *};

impl ProblemKind {
    /// The facts that hold for every occurrence of this problem.
    #[must_use]
    #[rustfmt::skip]
    #[expect(clippy::too_many_lines, reason = "a table with one row for each problem")]
    pub const fn facts(self) -> Facts {
    match self {
        InvalidRequest => Facts {
            name: "invalid_request", status: 400, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request is invalid",
            title_zh: "请求无效",
            remedy: Remedy {
                en: "Correct the fields named in errors.",
                zh: "请修正 errors 中列出的字段。",
            },
        },
        BotNotInChat => Facts {
            name: "bot_not_in_chat", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The bot is not in the chat",
            title_zh: "机器人不在群中",
            remedy: Remedy {
                en: "Add the app's bot to the chat that receives the message.",
                zh: "把应用机器人拉进接收消息的群。",
            },
        },
        BotNotEnabled => Facts {
            name: "bot_not_enabled", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app has no bot",
            title_zh: "应用未启用机器人",
            remedy: Remedy {
                en: "Enable the bot capability of the app and publish a new version.",
                zh: "为应用启用机器人能力并发布新版本。",
            },
        },
        UserOutOfScope => Facts {
            name: "user_out_of_scope", status: 403, fix_by: TenantAdmin, outcome: NotDelivered, retryable: false,
            title: "The user is outside the app's availability range",
            title_zh: "用户不在应用可用范围内",
            remedy: Remedy {
                en: "Put the user into the app's availability range (also returned for a user who has resigned).",
                zh: "把该用户加入应用可用范围；用户已离职时也会返回此码。",
            },
        },
        ChatSettingsForbid => Facts {
            name: "chat_settings_forbid", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The chat's settings forbid posting",
            title_zh: "群设置不允许发言",
            remedy: Remedy {
                en: "The chat only lets chosen members post; change the setting or let the bot post.",
                zh: "群设置限制了发言成员，请群管理员放开或允许机器人发言。",
            },
        },
        ThreadNotFound => Facts {
            name: "thread_not_found", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The thread does not exist",
            title_zh: "话题不存在",
            remedy: Remedy {
                en: "Check the thread_id of the receiver.",
                zh: "检查作为接收者的 thread_id。",
            },
        },
        ReceiverRateLimited => Facts {
            name: "receiver_rate_limited", status: 429, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The receiver gets too many messages",
            title_zh: "接收者的消息过于频繁",
            remedy: Remedy {
                en: "The gateway keeps to 5 messages a second for one receiver; wait the seconds in Retry-After, or send less often.",
                zh: "网关对同一接收者限制为每秒 5 条，请按 Retry-After 等待，或降低发送频率。",
            },
        },
        PermissionMissing => Facts {
            name: "permission_missing", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app lacks a permission",
            title_zh: "应用缺少权限",
            remedy: Remedy {
                en: "The operator grants the app im:message or im:message:send_as_bot.",
                zh: "请运维为应用开通 im:message 或 im:message:send_as_bot。",
            },
        },
        UserResigned => Facts {
            name: "user_resigned", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver has left the company",
            title_zh: "接收者已离职",
            remedy: Remedy {
                en: "The receiver has left the company; remove it from your list.",
                zh: "接收者已离职，请从名单中移除。",
            },
        },
        ReceiverInvalid => Facts {
            name: "receiver_invalid", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver is invalid",
            title_zh: "接收者无效",
            remedy: Remedy {
                en: "receive_id does not exist or is not of the type given in receive_id_type.",
                zh: "receive_id 不存在，或与 receive_id_type 不匹配。",
            },
        },
        SendDenied => Facts {
            name: "send_denied", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "Sending to this receiver is denied",
            title_zh: "不允许向该接收者发送消息",
            remedy: Remedy {
                en: "The chat is muted, the receiver has blocked the bot, or a tenant policy forbids the conversation.",
                zh: "群被禁言、接收者屏蔽了机器人，或租户策略不允许沟通。",
            },
        },
        TenantKeyDeleted => Facts {
            name: "tenant_key_deleted", status: 403, fix_by: TenantAdmin, outcome: NotDelivered, retryable: false,
            title: "The tenant's encryption key is deleted",
            title_zh: "租户加密密钥已删除",
            remedy: Remedy {
                en: "The tenant deleted its encryption key, so the message can no longer be read; ask the tenant's administrator.",
                zh: "租户加密密钥已删除，消息不可读，请联系企业管理员。",
            },
        },
        CrossTenantForbidden => Facts {
            name: "cross_tenant_forbidden", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiver belongs to another tenant",
            title_zh: "接收者属于其他租户",
            remedy: Remedy {
                en: "A direct message to a user of another tenant cannot be sent through this API.",
                zh: "不能通过本接口向其他租户的用户发送单聊消息。",
            },
        },
        MessageInProgress => Facts {
            name: "message_in_progress", status: 409, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "The message is being sent",
            title_zh: "消息正在发送",
            remedy: Remedy {
                en: "The same forward is still being processed; retry with the same uuid.",
                zh: "同一条转发仍在处理中，请用相同 uuid 稍后重试。",
            },
        },
        MessageNotVisible => Facts {
            name: "message_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the message",
            title_zh: "机器人看不到该消息",
            remedy: Remedy {
                en: "The bot cannot see this message; it must be in the chat the message comes from.",
                zh: "机器人看不到该消息，需要先加入消息所在会话。",
            },
        },
        UserStoppedBot => Facts {
            name: "user_stopped_bot", status: 403, fix_by: Receiver, outcome: NotDelivered, retryable: false,
            title: "The user has stopped the bot",
            title_zh: "用户已停止接收机器人消息",
            remedy: Remedy {
                en: "The user has turned this bot's messages off; only the user can turn them on again.",
                zh: "用户已停止接收该机器人的消息，只能由用户自行恢复。",
            },
        },
        MessageTypeUnsupported => Facts {
            name: "message_type_unsupported", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "This type of message cannot be forwarded",
            title_zh: "该类型的消息不能转发",
            remedy: Remedy {
                en: "System, red packet, vote, voice and calendar transfer messages cannot be forwarded.",
                zh: "系统消息、红包、投票、语音、日程转让等类型不能转发。",
            },
        },
        EncryptedChatForbidden => Facts {
            name: "encrypted_chat_forbidden", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiving chat is encrypted",
            title_zh: "目标群为加密群",
            remedy: Remedy {
                en: "The receiving chat uses third-party encryption; choose another receiver.",
                zh: "目标群为第三方加密群，请更换接收者。",
            },
        },
        ChatInvalid => Facts {
            name: "chat_invalid", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The receiving chat is invalid",
            title_zh: "目标群无效",
            remedy: Remedy {
                en: "Check that the receiving chat exists.",
                zh: "检查目标群是否存在。",
            },
        },
        MessageInvalid => Facts {
            name: "message_invalid", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message is invalid",
            title_zh: "消息无效",
            remedy: Remedy {
                en: "The message does not exist, was recalled, or is not visible to the bot.",
                zh: "消息不存在、已撤回，或对机器人不可见。",
            },
        },
        MessageRecalled => Facts {
            name: "message_recalled", status: 410, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message was recalled",
            title_zh: "消息已被撤回",
            remedy: Remedy {
                en: "The message was recalled; there is nothing left to forward.",
                zh: "消息已被撤回，无法转发。",
            },
        },
        MessageInSecretChat => Facts {
            name: "message_in_secret_chat", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message is in a secret chat",
            title_zh: "消息在密聊群中",
            remedy: Remedy {
                en: "Messages of a secret chat cannot be forwarded.",
                zh: "密聊群中的消息不能转发。",
            },
        },
        MessageRestricted => Facts {
            name: "message_restricted", status: 403, fix_by: ChatAdmin, outcome: NotDelivered, retryable: false,
            title: "The message is restricted",
            title_zh: "消息受保密限制",
            remedy: Remedy {
                en: "The message or its chat is protected against leaks; lift the protection to forward it.",
                zh: "消息或会话开启了防泄密（保密）模式，需先关闭。",
            },
        },
        ThreadNotVisible => Facts {
            name: "thread_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the receiving thread",
            title_zh: "机器人看不到目标话题",
            remedy: Remedy {
                en: "The bot cannot see the receiving thread; mention the bot in it or let new members see history.",
                zh: "机器人看不到目标话题，可在话题中 @ 机器人，或允许新成员查看历史消息。",
            },
        },
        MessageDeleted => Facts {
            name: "message_deleted", status: 410, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message was deleted",
            title_zh: "消息已被删除",
            remedy: Remedy {
                en: "The message was deleted; there is nothing left to forward.",
                zh: "消息已被删除，无法转发。",
            },
        },
        ChatDissolved => Facts {
            name: "chat_dissolved", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The chat was dissolved",
            title_zh: "群已解散",
            remedy: Remedy {
                en: "The chat was dissolved; use the chat_id of another chat.",
                zh: "该群已解散，请改用其他群的 chat_id。",
            },
        },
        AppRateLimited => Facts {
            name: "app_rate_limited", status: 429, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The app makes too many calls",
            title_zh: "应用调用过于频繁",
            remedy: Remedy {
                en: "The gateway keeps to the app's limits of 50 calls a second and 1000 a minute; wait the seconds in Retry-After.",
                zh: "网关遵守应用每秒 50 次、每分钟 1000 次的上限，请按 Retry-After 等待后重试。",
            },
        },
        MonthlyQuotaExhausted => Facts {
            name: "monthly_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The monthly API quota is used up",
            title_zh: "当月 API 额度已用完",
            remedy: Remedy {
                en: "The tenant's monthly API quota is used up; raise the plan or wait for the next month.",
                zh: "租户当月 API 调用额度已用完，请升级套餐或等待下月。",
            },
        },
        GatewayAddressDenied => Facts {
            name: "gateway_address_denied", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The gateway's address is not allowed",
            title_zh: "网关的 IP 地址不被允许",
            remedy: Remedy {
                en: "The gateway's IP address is not on the app's allow list.",
                zh: "网关出口 IP 不在应用白名单中。",
            },
        },
        CredentialsRejected => Facts {
            name: "credentials_rejected", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "Feishu rejects the app's credentials",
            title_zh: "飞书拒绝了应用凭证",
            remedy: Remedy {
                en: "The operator checks app_id and app_secret of the app and whether it is enabled.",
                zh: "请运维检查应用的 app_id 与 app_secret 以及应用是否启用。",
            },
        },
        AppNotInUse => Facts {
            name: "app_not_in_use", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app is disabled",
            title_zh: "应用已停用",
            remedy: Remedy {
                en: "The app is disabled; enable it in the developer console.",
                zh: "应用已停用，请在开发者后台启用。",
            },
        },
        AppNotAvailable => Facts {
            name: "app_not_available", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The app is not available in this tenant",
            title_zh: "应用在该租户不可用",
            remedy: Remedy {
                en: "The app is not available in this tenant.",
                zh: "应用在该租户不可用。",
            },
        },
        MessageNotFound => Facts {
            name: "message_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The message does not exist",
            title_zh: "消息不存在",
            remedy: Remedy {
                en: "The message_id does not exist or is not a message id.",
                zh: "message_id 不存在或格式不正确。",
            },
        },
        DailyQuotaExhausted => Facts {
            name: "daily_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The daily message quota is used up",
            title_zh: "当日消息额度已用完",
            remedy: Remedy {
                en: "The daily quota of messages is used up.",
                zh: "当日消息额度已用完。",
            },
        },
        FeishuInternalError => Facts {
            name: "feishu_internal_error", status: 502, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu failed internally",
            title_zh: "飞书内部错误",
            remedy: Remedy {
                en: "Feishu failed internally; repeat with the same uuid.",
                zh: "飞书内部错误，请使用相同 uuid 重试。",
            },
        },
        MessagesNotMergeable => Facts {
            name: "messages_not_mergeable", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "These messages cannot be merged",
            title_zh: "这些消息不能合并转发",
            remedy: Remedy {
                en: "Merge messages of one chat only, and not from several threads or a thread and the chat together.",
                zh: "只能合并同一会话中的消息；不能混合多个话题，或同时包含话题与普通消息。",
            },
        },
        ThreadSourceNotVisible => Facts {
            name: "thread_source_not_visible", status: 403, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The bot cannot see the thread to be forwarded",
            title_zh: "机器人看不到待转发的话题",
            remedy: Remedy {
                en: "The bot cannot see the thread to be forwarded: it must be in its chat and, where new members see no history, have been mentioned in it.",
                zh: "机器人看不到待转发的话题：需在该群中；若群关闭了新成员查看历史消息，需先在话题中 @ 机器人。",
            },
        },
        Unauthorized => Facts {
            name: "unauthorized", status: 401, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The API key is missing or not valid",
            title_zh: "API 密钥缺失或无效",
            remedy: Remedy {
                en: "Send a valid API key as X-API-Key or as a bearer token; ask the operator for one.",
                zh: "请通过 X-API-Key 或 Bearer 携带有效的 API 密钥；如无密钥请联系运维人员。",
            },
        },
        ReceiverNotAllowed => Facts {
            name: "receiver_not_allowed", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The API key may not forward to this receiver",
            title_zh: "API 密钥无权转发给该接收者",
            remedy: Remedy {
                en: "Ask the gateway's operator to add the receiver to allow_receivers, or its type to allow_receive_id_types, of your API key.",
                zh: "请网关运维人员将该接收者加入此 API 密钥的 allow_receivers，或将其类型加入 allow_receive_id_types。",
            },
        },
        OriginNotAllowed => Facts {
            name: "origin_not_allowed", status: 403, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The origin of the request is not allowed",
            title_zh: "请求来源不被允许",
            remedy: Remedy {
                en: "Call without the header Origin, as programs do, or ask the gateway's operator to add the page's origin to server.mcp_origins, or the host's name to server.mcp_hosts.",
                zh: "请像程序那样不带 Origin 请求头调用，或请网关运维人员将页面来源加入 server.mcp_origins，或将主机名加入 server.mcp_hosts。",
            },
        },
        CallerRateLimited => Facts {
            name: "caller_rate_limited", status: 429, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "The API key makes too many calls",
            title_zh: "该 API 密钥调用过于频繁",
            remedy: Remedy {
                en: "Wait the seconds in Retry-After and send more slowly, or ask the operator for more calls a minute (keys.NAME.per_minute).",
                zh: "请按 Retry-After 等待后重试并降低发送频率，或请运维提高该密钥每分钟的调用次数（keys.NAME.per_minute）。",
            },
        },
        CallerQuotaExhausted => Facts {
            name: "caller_quota_exhausted", status: 429, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "The monthly calls of the API key are used up",
            title_zh: "该 API 密钥当月的调用次数已用完",
            remedy: Remedy {
                en: "The operator gives the API key more calls a month (keys.NAME.per_month), or the caller waits for the next month in UTC+8.",
                zh: "请运维提高该密钥每月的调用次数（keys.NAME.per_month），或等待下个月（UTC+8）。",
            },
        },
        RouteNotFound => Facts {
            name: "route_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "There is no such route",
            title_zh: "接口不存在",
            remedy: Remedy {
                en: "Check the path; /openapi.json lists every route.",
                zh: "请检查路径；/openapi.json 列出了全部接口。",
            },
        },
        MethodNotAllowed => Facts {
            name: "method_not_allowed", status: 405, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The route does not take this method",
            title_zh: "接口不支持该方法",
            remedy: Remedy {
                en: "Use one of the methods in the Allow header.",
                zh: "请使用 Allow 响应头中列出的方法。",
            },
        },
        RequestTimeout => Facts {
            name: "request_timeout", status: 408, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "The request came in too slowly",
            title_zh: "请求传输过慢",
            remedy: Remedy {
                en: "Send head and body at once, over a new connection.",
                zh: "请在新连接上一次性发送完整的请求头与请求体。",
            },
        },
        BodyTooLarge => Facts {
            name: "body_too_large", status: 413, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request body is too large",
            title_zh: "请求体过大",
            remedy: Remedy {
                en: "Send only {\"receive_id\": \"…\"}; nothing else belongs in the body.",
                zh: "请求体只需包含 {\"receive_id\": \"…\"}，请勿附带其他内容。",
            },
        },
        UnsupportedMediaType => Facts {
            name: "unsupported_media_type", status: 415, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request body is not JSON",
            title_zh: "请求体不是 JSON",
            remedy: Remedy {
                en: "Send the body as JSON, with Content-Type: application/json.",
                zh: "请以 JSON 发送请求体，并设置 Content-Type: application/json。",
            },
        },
        IdempotencyKeyReused => Facts {
            name: "idempotency_key_reused", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The Idempotency-Key was used for another forward",
            title_zh: "该 Idempotency-Key 已用于另一次转发",
            remedy: Remedy {
                en: "Use a new key for each forward, and the old one only to repeat the same forward.",
                zh: "每次转发请使用新的 Idempotency-Key；旧的只能用于重试同一次转发。",
            },
        },
        UuidReused => Facts {
            name: "uuid_reused", status: 422, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The uuid was used for another forward",
            title_zh: "该 uuid 已用于另一次转发",
            remedy: Remedy {
                en: "Use a new uuid for each forward, and the old one only to repeat the same forward.",
                zh: "每次转发请使用新的 uuid；旧的只能用于重试同一次转发。",
            },
        },
        TooLateToRepeat => Facts {
            name: "too_late_to_repeat", status: 409, fix_by: Caller, outcome: Unknown, retryable: false,
            title: "It is too late to repeat a forward that may have gone out",
            title_zh: "转发可能已送出，但已超过可重试的时限",
            remedy: Remedy {
                en: "Look whether the receiver has the message; if not, forward it with a new uuid or Idempotency-Key.",
                zh: "请先确认接收者是否已收到该消息；若未收到，请使用新的 uuid 或 Idempotency-Key 转发。",
            },
        },
        BroadcastNotFound => Facts {
            name: "broadcast_not_found", status: 404, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "There is no such broadcast",
            title_zh: "没有这个群发任务",
            remedy: Remedy {
                en: "Check the id. A broadcast is visible to the API key that asked for it, until some days after its end.",
                zh: "请检查 ID。群发任务仅对创建它的 API 密钥可见，结束若干天后会被删除。",
            },
        },
        BroadcastEnded => Facts {
            name: "broadcast_ended", status: 409, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The broadcast has ended",
            title_zh: "群发任务已结束",
            remedy: Remedy {
                en: "Nothing is left to cancel, or nobody to retry. Read the broadcast's counts.",
                zh: "没有可取消的内容或可重试的接收者，请查看该任务的 counts。",
            },
        },
        TooManyBroadcasts => Facts {
            name: "too_many_broadcasts", status: 429, fix_by: Caller, outcome: NotDelivered, retryable: true,
            title: "Too many broadcasts are active",
            title_zh: "进行中的群发任务过多",
            remedy: Remedy {
                en: "Repeat with the same Idempotency-Key when one of your broadcasts has ended, or cancel one.",
                zh: "请等待某个群发任务结束（或取消一个）后，用相同的 Idempotency-Key 重试。",
            },
        },
        BroadcastsNotConfigured => Facts {
            name: "broadcasts_not_configured", status: 501, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "This gateway has no broadcasts",
            title_zh: "此网关未启用群发",
            remedy: Remedy {
                en: "Set broadcasts.path for one process, or state.url for replicas.",
                zh: "单进程请配置 broadcasts.path，多副本请配置 state.url。",
            },
        },
        IdempotencyKeyMissing => Facts {
            name: "idempotency_key_missing", status: 400, fix_by: Caller, outcome: NotDelivered, retryable: false,
            title: "The request needs an Idempotency-Key",
            title_zh: "请求缺少 Idempotency-Key",
            remedy: Remedy {
                en: "Send the header Idempotency-Key with a name of yours for this broadcast, and the same one when you repeat the request.",
                zh: "请在请求头 Idempotency-Key 中为本次群发命名；重试时使用相同的值。",
            },
        },
        FeishuUnreachable => Facts {
            name: "feishu_unreachable", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: true,
            title: "Feishu cannot be reached",
            title_zh: "无法连接飞书",
            remedy: Remedy {
                en: "Nothing was sent; try again later. If it lasts, the operator checks DNS, the egress and the TLS trust of the gateway.",
                zh: "消息未发送，请稍后重试；若持续出现，请运维检查网关的 DNS、出口网络与 TLS 证书。",
            },
        },
        FeishuUnreadable => Facts {
            name: "feishu_unreadable", status: 502, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu's answer cannot be read",
            title_zh: "无法读取飞书的响应",
            remedy: Remedy {
                en: "The message may have been delivered; repeat with the same uuid within the hour, so that it cannot arrive twice.",
                zh: "消息可能已送达；请在一小时内使用相同 uuid 重试，以免重复发送。",
            },
        },
        FeishuError => Facts {
            name: "feishu_error", status: 502, fix_by: Operator, outcome: NotDelivered, retryable: false,
            title: "Feishu answered with an unknown error",
            title_zh: "飞书返回了未知错误",
            remedy: Remedy {
                en: "Look up Feishu's code in its documentation; feishu.troubleshooter links to help where Feishu gave one.",
                zh: "请在飞书文档中查询该错误码；若返回了 feishu.troubleshooter，可参考其中链接。",
            },
        },
        FeishuTimeout => Facts {
            name: "feishu_timeout", status: 504, fix_by: Nobody, outcome: Unknown, retryable: true,
            title: "Feishu did not answer in time",
            title_zh: "飞书未及时响应",
            remedy: Remedy {
                en: "The message may have been delivered; repeat with the same uuid within the hour, so that it cannot arrive twice.",
                zh: "消息可能已送达；请在一小时内使用相同 uuid 重试，以免重复发送。",
            },
        },
        Overloaded => Facts {
            name: "overloaded", status: 503, fix_by: Operator, outcome: NotDelivered, retryable: true,
            title: "The gateway is at its limit",
            title_zh: "网关已达负载上限",
            remedy: Remedy {
                en: "Wait the seconds in Retry-After and try again.",
                zh: "请按 Retry-After 等待后重试。",
            },
        },
        Draining => Facts {
            name: "draining", status: 503, fix_by: Nobody, outcome: NotDelivered, retryable: true,
            title: "The gateway is shutting down",
            title_zh: "网关正在关闭",
            remedy: Remedy {
                en: "Try again; another replica or the next process answers.",
                zh: "请重试，其他实例或新进程会处理请求。",
            },
        },
        InternalError => Facts {
            name: "internal_error", status: 500, fix_by: Operator, outcome: Unknown, retryable: false,
            title: "The gateway failed",
            title_zh: "网关内部错误",
            remedy: Remedy {
                en: "This is a fault of the gateway; give the operator the request_id.",
                zh: "网关内部错误，请将 request_id 提供给运维人员。",
            },
        },
    }
    }
}
