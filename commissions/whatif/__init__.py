"""The world as it would be: deals judged under changes that nobody has made yet, without writing anything.

`changes` say what would change, `overlay` judges under them, `preview` compares with what stands, `corrections` lets
two people make a change of the past, `replay` gives the broker's own deals under a draft plan. `foretold` knows how far
a change reaches beyond the deals it touches: by `months` of tiers and by `advances`."""
