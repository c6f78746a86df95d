'use strict';

// A link from each page to the same page in the other language.
{
  const chinese = document.documentElement.lang.startsWith('zh');
  const [here, there, label] = chinese ? ['/zh/', '/en/', 'English'] : ['/en/', '/zh/', '中文'];
  const at = location.pathname.lastIndexOf(here);
  const page = location.pathname.slice(at + here.length);
  // Reference and design are in English alone.
  const twin = /^(reference|design)\//.test(page) ? 'index.html' : page;
  const link = document.createElement('a');
  link.textContent = label;
  link.lang = chinese ? 'en' : 'zh-CN';
  link.href = location.pathname.slice(0, at) + there + twin;
  document.querySelector('#mdbook-menu-bar .right-buttons, #menu-bar .right-buttons').prepend(link);
}
