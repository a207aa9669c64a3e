// Drives the unmodified npm package mt5-sdk and prints what it saw as one JSON line.
// node mt5_sdk.cjs PORT LOGIN PASSWORD GROUP
const Metatrader = require("mt5-sdk");

const [port, login, password, group] = process.argv.slice(2);
const connect = (secret) =>
  new Metatrader("127.0.0.1", Number(port), { login, password: secret, build: "1985", agent: "sdk" });

async function main() {
  const client = connect(password);
  const created = await client.users.create({
    Group: group, Name: "Sdk Client", Leverage: 200, PassMain: "Abcdef1!", PassInvestor: "Ghijkl2?", ID: "SDK1",
  });
  const user = created.Login;
  const balance = await client.trade.updateTradeBalance({
    Login: user, Type: 2, Balance: 150.25, Comment: "sdk deposit",
  });
  const byQuery = await client.trade.updateTradeBalanceGet({ login: user, type: 2, balance: -50, comment: "sdk" });
  const seen = {
    created: [created.Name, created.Group, created.Leverage, created.ID],
    tickets: [balance.Ticket, byQuery.Ticket],
    got: (await client.users.get(user)).Balance,
    right: await client.users.checkPassword(user, "Abcdef1!"),
    changed: await client.users.changePassword(user, "Abcdef1!", "Mnopqr3%"),
    stale: await client.users.checkPassword(user, "Mnopqr3%"),
    updated: (await client.users.updateUser({ Login: user, Leverage: 50 })).Leverage,
    batch: (await client.users.getBatch(group)).answer.map((row) => row.Login),
    login: user,
  };
  console.log(JSON.stringify(seen));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
