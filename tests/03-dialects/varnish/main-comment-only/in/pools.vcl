# pools
