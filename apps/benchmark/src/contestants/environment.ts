export const required = (env: NodeJS.ProcessEnv, name: string): string => {
  const value = env[name];
  if (value === undefined) throw new Error(`${name} is not set.`);
  return value;
};
