// Translates Swagger UI's own texts into Chinese. The OpenAPI document, which it shows, comes from the gateway in Chinese.

const TEXTS = {
  // The top of the page.
  Servers: '服务器',
  Authorize: '授权',
  Errors: '错误',
  Hide: '收起',
  Show: '展开',
  'Failed to load API definition.': 'OpenAPI 文档加载失败。',

  // The dialog that asks for the key.
  'Available authorizations': '授权方式',
  Authorized: '已授权',
  '(apiKey)': '（API 密钥）',
  'Name:': '名称：',
  'In:': '位置：',
  'Value:': '密钥：',
  Logout: '退出授权',
  Close: '关闭',

  // A request.
  'Try it out': '调试',
  Cancel: '取消',
  Reset: '重置',
  Parameters: '参数',
  'No parameters': '无参数',
  Name: '名称',
  Description: '说明',
  'Send empty value': '发送空值',
  // “Add string item”
  Add: '添加',
  item: '项',
  'Request body': '请求体',
  'Edit Value': '编辑',
  'Example Value': '示例',
  Schema: '结构',
  Examples: '示例',
  'Examples:': '示例：',
  Execute: '发送请求',
  Clear: '清空',
  'Please correct the following validation errors and try again.': '请先修正以下错误：',
  'Required field is not provided': '缺少必填项',

  // The answer to it, and the answers that are possible.
  Responses: '响应',
  Snippets: '请求命令',
  Curl: 'cURL 命令',
  'Request URL': '请求 URL',
  'Server response': '服务器响应',
  Code: '状态码',
  Details: '详情',
  'Response body': '响应体',
  'Response headers': '响应头',
  'Request duration': '耗时',
  Download: '下载',
  'Download file': '下载文件',
  Undocumented: '文档中没有',
  'Unrecognized response type; displaying content as text.': '无法识别响应类型，以文本显示。',
  'Failed to fetch.': '请求失败。',
  'Possible Reasons:': '可能的原因：',
  'Network Failure': '网络故障',
  'URL scheme must be "http" or "https" for CORS request.': 'CORS 请求的 URL 只能以 http 或 https 开头。',
  'Example and headers': '示例与响应头',
  'Media type': '媒体类型',
  // “Controls Accept header.”
  Controls: '决定请求头 ',
  'header.': '。',
  'Headers:': '响应头：',
  Type: '类型',
  Links: '链接',
  'No links': '无链接',

  // Schemas.
  Schemas: '数据结构',
  'Expand all': '全部展开',
  'Collapse all': '全部收起',
  'Additional properties': '其他属性',
  'Property names': '属性名',
  Items: '元素',
  'One of': '以下之一',
  'Any of': '以下任意',
  'All of': '以下全部',
  Default: '默认值',
  'Default value': '默认值',
  'Available values': '可选值',
  Enum: '可选值',
  'Enum:': '可选值：',
  Const: '固定值',

  // What only a screen reader or a pointer meets.
  'Media Type': '媒体类型',
  'Request content type': '请求体的媒体类型',
  'Copy to clipboard': '复制',
  'Collapse operation': '收起',
  'Expand operation': '展开',
  'authorization button locked': '授权（已授权）',
  'authorization button unlocked': '授权（未授权）',
};

const PATTERNS = [
  [/^(.+) characters$/, '$1 个字符'],
  [/^(.+) unique items$/, '$1 个不重复的元素'],
  [/^(.+) items$/, '$1 个元素'],
  [/^(.+) properties$/, '$1 个属性'],
  [/^matches (.+)$/, '匹配 $1'],
];
const ATTRIBUTES = ['aria-label', 'title'];
// What callers, the gateway and the OpenAPI document say, and not Swagger UI.
const FOREIGN = 'code, pre, textarea, select, .renderedMarkdown a';

const page = document.getElementById('swagger-ui');

const inChinese = (text) => {
  const trimmed = text.trim();
  if (Object.hasOwn(TEXTS, trimmed)) return TEXTS[trimmed];
  const [pattern, chinese] = PATTERNS.find(([known]) => known.test(trimmed)) ?? [];
  return pattern ? trimmed.replace(pattern, chinese) : text;
};

// Changes the text in its node, which React keeps.
const translateText = (node) => {
  if (node.parentElement?.closest(FOREIGN)) return;
  const chinese = inChinese(node.data);
  if (chinese !== node.data) node.data = chinese;
};

const translateAttributes = (part) => {
  for (const name of ATTRIBUTES.filter((it) => part.hasAttribute(it))) {
    const chinese = inChinese(part.getAttribute(name));
    if (chinese !== part.getAttribute(name)) part.setAttribute(name, chinese);
  }
};

const translate = (node) => {
  if (node.nodeType === Node.TEXT_NODE) translateText(node);
  if (node.nodeType !== Node.ELEMENT_NODE) return;
  translateAttributes(node);
  node.childNodes.forEach(translate);
};

const observer = new MutationObserver((changes) => {
  for (const { type, target, addedNodes } of changes) {
    if (type === 'childList') addedNodes.forEach(translate);
    else if (type === 'attributes') translateAttributes(target);
    else translateText(target);
  }
});
observer.observe(page, { childList: true, subtree: true, characterData: true, attributeFilter: ATTRIBUTES });
translate(page);
