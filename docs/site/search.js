'use strict';

// Search in the Chinese book, by Pagefind: mdBook's own search splits no Chinese. `path_to_root` is mdBook's.
{
  const field = document.createElement('div');
  document.querySelector('main').prepend(field);
  const style = document.createElement('link');
  style.rel = 'stylesheet';
  style.href = `${path_to_root}pagefind/pagefind-ui.css`;
  const script = document.createElement('script');
  script.src = `${path_to_root}pagefind/pagefind-ui.js`;
  script.onload = () => new PagefindUI({ element: field, showImages: false, resetStyles: false });
  document.head.append(style, script);
}
