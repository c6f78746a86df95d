# What the scripts of this folder share; `source` it after suite.sh. It starts `dev`, and names its addresses to the programs.

need cargo node npm
# The shell has no windows, tabs and menus, which take most of the time that a page takes.
CHROMIUM=$(command -v chromium-headless-shell || command -v chromium) || give_up "chromium-headless-shell is not installed, nor is chromium"
node_packages
cargo build --quiet --locked || give_up "it does not build"

start dev "$programs/feishu-forward-gateway" dev --listen 127.0.0.1:0
GATEWAY_URL=$(said dev 'Swagger UI +\K.*(?=/docs/)')
GATEWAY_KEY=$(said dev 'API key +\K\S+')
ADMIN_URL=$(said dev 'Metrics +\K.*(?=/metrics)')
SIMULATOR_URL=$(said dev 'Simulator +\K.*(?=/_simulator/)')
export GATEWAY_URL GATEWAY_KEY ADMIN_URL SIMULATOR_URL CHROMIUM SCREENSHOTS=$cache

rm -rf "$cache/node/"*.mjs
cp e2e/browser/*.mjs "$cache/node/"
